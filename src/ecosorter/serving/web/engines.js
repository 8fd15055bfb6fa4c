// Who answers for a photo: this phone, once it has what it takes, else the service. Both give {model, results}.
// The service worker uses this too; it has no phone engine, and sends no photo from a phone that answers by itself.

import * as api from "./api.js";
import { installed } from "./phone/parts.js";

let phone = null;

/** Let this phone answer from now on. `engine`: (photo, scheme, lang) => {model, results}; it throws where it cannot. null: no more. */
export const usePhone = (engine) => (phone = engine);

/** Classify one photo. `by` says who did. Throws `api.Problem` where nobody can now. */
export async function classify(photo, scheme, lang) {
  if (phone) {
    try {
      return { ...(await phone(photo, scheme, lang)), by: "phone" };
    } catch (error) {
      if (!api.hasService) throw error.name === "PhotoUnread" ? new api.Problem(415, { code: "photo_unread" }) : new api.Problem(0);
    }
  } else if (typeof Worker === "undefined" && (await installed())) {
    throw new api.Problem(0); // the page does it when it is opened
  }
  return { ...(await api.classify(photo, scheme, lang)), by: "service" };
}
