"""The HTTP service and the phone page: photos in over the network, answers and guidance out, corrections kept."""
