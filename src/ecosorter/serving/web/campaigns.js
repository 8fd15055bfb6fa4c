// What the operator asks people for: photos of some class, until there are enough.

import { campaigns as campaignsOf } from "./api.js";
import { el } from "./dom.js";
import { fill } from "./screens.js";
import { language, word } from "./words.js";

/** Say it on the first screen, where there is something; without a network or a store there is not. */
export async function drawCampaigns() {
  const asked = language();
  const { campaigns } = await campaignsOf(asked).catch(() => ({ campaigns: [] }));
  if (asked !== language()) return; // it was switched meanwhile
  const open = campaigns.filter(({ has, wanted }) => has < wanted);
  fill(document.getElementById("campaigns"), ...open.map((each) => el("li", {}, word("campaign", each))));
}
