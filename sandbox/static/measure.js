// How full a USSD screen is: 160 octets are 182 septets of GSM-7, or 80 UTF-16 units of anything else
// (3GPP TS 23.038).

const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
  "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION = "^{}\\[~]|€\f";

export const UNITS = 80;
export const SEPTETS = 182;

/** `kind` is `septets` or `units`. */
export function measure(text) {
  let septets = 0;
  for (const character of text) {
    if (BASIC.includes(character)) septets += 1;
    else if (EXTENSION.includes(character)) septets += 2;
    else return { kind: "units", used: text.length, limit: UNITS };
  }
  return { kind: "septets", used: septets, limit: SEPTETS };
}
