// The camera inside the page: no other app opens, so a phone with little memory does not throw the page away.

import { jpeg } from "./shrink.js";
import { word } from "./words.js";

let stream = null;
let found = null;
let opener; // id of what had the focus before
let usual;
let job; // {onPhoto, askNative, hint}: what the photos are for

/** This browser can show a camera in the page. (Not on plain http: there the phone's own camera app is opened.) */
export const hasLiveCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

const part = (id) => document.getElementById(id);

/** Wire the dialog. `onPhoto` gets the photo; `askNative` opens the phone's camera app. */
export function prepareCamera(onPhoto, askNative) {
  const dialog = part("camera");
  usual = { onPhoto: (photo) => void onPhoto(photo), askNative };
  dialog.addEventListener("close", () => {
    stop();
    // What opened it may have been drawn anew meanwhile: the browser then finds nothing to give the focus back to.
    const { activeElement, body } = document;
    if (activeElement === body || dialog.contains(activeElement)) document.getElementById(opener)?.focus({ preventScroll: true });
  });
  part("camera-close").addEventListener("click", () => dialog.close());
  part("camera-native").addEventListener("click", () => {
    dialog.close();
    job.askNative();
  });
  part("camera-shoot").addEventListener("click", async () => {
    const video = part("camera-view");
    const next = job.onPhoto(await jpeg(video, video.videoWidth, video.videoHeight));
    if (!next) return dialog.close();
    part("camera-hint").textContent = next;
    return video.animate?.({ opacity: [0.2, 1] }, 250);
  });
  // A camera that goes on filming in a pocket empties the battery.
  document.addEventListener("visibilitychange", () => document.hidden && dialog.open && dialog.close());
}

/**
 * Open the rear camera; where it is refused, say so and offer the phone's own camera app.
 * `wanted`: {onPhoto, askNative, hint}, where the photo is for something else than to be classified. While `onPhoto` returns words,
 * these are shown, and another photo can be taken.
 */
export async function openCamera(wanted = usual) {
  const dialog = part("camera");
  job = wanted;
  opener = document.activeElement?.id;
  part("camera-hint").textContent = wanted.hint ?? word("camera_hint");
  part("camera-refused").hidden = true;
  part("camera-shoot").disabled = true;
  dialog.showModal();
  const mine = (found = Symbol("camera"));
  try {
    const opened = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } },
    });
    if (mine !== found || !dialog.open) return opened.getTracks().forEach((track) => track.stop()); // closed meanwhile
    stream = opened;
    const video = part("camera-view");
    video.srcObject = stream;
    await video.play();
    part("camera-shoot").disabled = false;
    part("camera-shoot").focus();
  } catch {
    if (mine !== found || !dialog.open) return;
    part("camera-refused").hidden = false;
    part("camera-native").focus();
  }
}

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  part("camera-view").srcObject = null;
}
