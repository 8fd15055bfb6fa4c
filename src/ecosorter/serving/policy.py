"""What a browser may do on the page: the content-security policy, as strict as a network in WebAssembly allows."""

_RULES = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",  # the second is for WebAssembly alone: no `eval`
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
}

HEADERS_OF_ALL = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with everything."""

HEADERS = {
    **HEADERS_OF_ALL,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",  # with the one above, the network may use several threads
}
"""Sent, beside the policy, with whatever may be a document or a worker."""


def content_policy(service: str | None = None, *, as_header: bool = True) -> str:
    """Return the policy.

    Args:
        service: origin of a service elsewhere that the page may ask, as in ``https://api.example.org``.
        as_header: False for a ``<meta>`` element, where browsers do not take what keeps others from framing the page.
    """
    rules = dict(_RULES)
    if service:
        rules["connect-src"] += f" {service}"
    if as_header:
        rules["frame-ancestors"] = "'none'"
    return "; ".join(f"{name} {value}" for name, value in rules.items())
