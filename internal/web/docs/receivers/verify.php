<?php
// Tells whether a delivery is the panel's. $secret is the webhook's, $signature
// the header X-NotPanel-Signature, $body what arrived, to the byte.
function verified(string $secret, string $signature, string $body): bool
{
    $sent = '';
    $given = [];
    foreach (explode(',', $signature) as $part) {
        [$name, $value] = array_pad(explode('=', $part, 2), 2, '');
        if ($name === 't') {
            $sent = $value;
        } elseif ($name === 'v1') {
            $given[] = $value;
        }
    }
    if (!preg_match('/^[0-9]{1,12}$/D', $sent) || abs(time() - (int) $sent) > 300) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $want = hash_hmac('sha256', $sent . '.' . $body, $key);
    foreach ($given as $mac) {
        if (hash_equals($want, $mac)) {
            return true;
        }
    }
    return false;
}
