// Every other way in: the gallery, the phone's camera app, drag and drop, paste.

const isPhoto = (file) => file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name); // HEIC often comes without a type

let wanted = null; // who gets the photos of the choice that is open

/** Call `onPhotos` with the photos of each choice, and `onNothing` where there is none among the files. */
export function preparePicking(onPhotos, onNothing) {
  const take = (files, receive = onPhotos) => {
    const photos = [...files].filter(isPhoto);
    if (photos.length) receive(photos);
    else if (files.length) onNothing();
  };
  for (const id of ["gallery-file", "camera-file"]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      take([...input.files], wanted ?? onPhotos);
      input.value = ""; // the same photo can be chosen again
    });
  }
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
  document.addEventListener("dragover", (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping"); // left the window
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // else the browser would leave the page for the photo
    document.body.classList.remove("dropping");
    take(event.dataTransfer.files);
  });
}

/** Ask for photos; `receive` gets them where they are for something else than to be classified. */
export const openGallery = (receive = null) => choose("gallery-file", receive);
export const openNativeCamera = (receive = null) => choose("camera-file", receive);

function choose(id, receive) {
  wanted = receive;
  document.getElementById(id).click();
}
