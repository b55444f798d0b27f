<?php

declare(strict_types=1);

namespace NotPanel\Model;

use NotPanel\Internal\Fields;

/** A webhook that was just registered. */
final class NewWebhook
{
    /**
     * @param string       $id     `whk_` and 26 letters and digits
     * @param list<string> $events types of events that it gets
     * @param string       $secret what its deliveries are signed with. Keep it: it is told
     *                             this once. Dumps don't show it.
     */
    public function __construct(
        public readonly string $id,
        public readonly string $url,
        public readonly array $events,
        #[\SensitiveParameter]
        public readonly string $secret,
    ) {
    }

    /** @return array<string, mixed> what var_dump shows */
    public function __debugInfo(): array
    {
        return ['id' => $this->id, 'url' => $this->url, 'events' => $this->events];
    }

    /** @internal */
    public static function from(Fields $fields): self
    {
        return new self(
            id: $fields->string('id'),
            url: $fields->string('url'),
            events: $fields->strings('events'),
            secret: $fields->string('secret'),
        );
    }
}
