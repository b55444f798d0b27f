<?php

declare(strict_types=1);

namespace NotPanel\Webhook;

use NotPanel\Exception\BadSecretException;
use NotPanel\Exception\BadSignatureException;
use NotPanel\Exception\MissingSignatureException;
use NotPanel\Exception\StaleSignatureException;
use NotPanel\Exception\UnreadableEventException;
use NotPanel\Exception\UsageException;
use NotPanel\Exception\WebhookException;
use NotPanel\Internal\Hidden;

/**
 * Tells deliveries of the panel from what anybody may post. It reads the headers of
 * Standard Webhooks where they are, else X-NotPanel-Signature.
 */
final class Verifier
{
    /** @var list<Hidden> */
    private readonly array $keys;

    /** @var \Closure(): int */
    private readonly \Closure $clock;

    /**
     * @param string|array<string> $secrets   `whsec_…`; while a rotation lasts, the old one and the new
     * @param int                  $tolerance most seconds between the signature's time and now
     * @param \Closure|null        $clock     tells the time in Unix seconds; null: the system's
     *
     * @throws BadSecretException
     * @throws UsageException     where the tolerance is below 0
     */
    public function __construct(
        #[\SensitiveParameter]
        string|array $secrets,
        private readonly int $tolerance = 300,
        ?\Closure $clock = null,
    ) {
        if ($tolerance < 0) {
            throw new UsageException('The tolerance must not be below 0');
        }
        $this->keys = array_map(self::key(...), array_values((array) $secrets));
        if ($this->keys === []) {
            throw new BadSecretException('There is no secret');
        }
        $this->clock = $clock ?? time(...);
    }

    /**
     * Checks the delivery that PHP is answering: php://input and $_SERVER.
     *
     * @throws WebhookException
     */
    public function verifyRequest(): Event
    {
        return $this->verify((string) file_get_contents('php://input'), $_SERVER);
    }

    /**
     * Checks a delivery.
     *
     * @param string                   $body    as it came, byte by byte: not decoded and encoded again
     * @param array<string|int, mixed> $headers their names in any case, each a text or a list of texts:
     *                                          getallheaders(), $_SERVER, PSR-7's getHeaders(), a
     *                                          HeaderBag's all()
     *
     * @throws MissingSignatureException
     * @throws BadSignatureException
     * @throws StaleSignatureException
     * @throws UnreadableEventException
     */
    public function verify(string $body, array $headers): Event
    {
        $signature = Signature::ofHeaders($headers);
        $expected = array_map(static fn (Hidden $key): string => $signature->expected($body, $key), $this->keys);
        if (!$signature->fits($expected)) {
            throw new BadSignatureException('The signature does not fit the body and the secret');
        }
        $off = abs(($this->clock)() - $signature->time);
        if ($off > $this->tolerance) {
            throw new StaleSignatureException("The signature is $off seconds from now, more than $this->tolerance");
        }
        return Event::read($body);
    }

    private static function key(#[\SensitiveParameter] mixed $secret): Hidden
    {
        if (!is_string($secret) || preg_match('~^whsec_([A-Za-z0-9+/]{43}=)$~D', $secret, $found) !== 1) {
            throw new BadSecretException('A secret must be whsec_ and 32 bytes in base64, as webhooks->add() gave it');
        }
        return new Hidden(base64_decode($found[1], true));
    }
}
