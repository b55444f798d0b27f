# Prints what v1 has to be. SECRET is the webhook's secret, TIME the t of the
# header, and body.json the body as it arrived, to the byte.
key=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
{ printf '%s.' "$TIME"; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -r
