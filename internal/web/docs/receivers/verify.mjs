import { createHmac, timingSafeEqual } from "node:crypto";

// Tells whether a delivery is the panel's. secret is the webhook's, signature
// the header X-NotPanel-Signature, body what arrived, to the byte: no parsed JSON.
export function verified(secret, signature, body) {
  let sent = "";
  const given = [];
  for (const part of signature.split(",")) {
    const [name, value = ""] = part.split("=");
    if (name === "t") sent = value;
    if (name === "v1") given.push(Buffer.from(value));
  }
  if (!/^[0-9]{1,12}$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > 300) {
    return false;
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const want = Buffer.from(createHmac("sha256", key).update(sent + ".").update(body).digest("hex"));
  return given.some((mac) => mac.length === want.length && timingSafeEqual(mac, want));
}
