<?php

// Loads the classes where there is no composer: require this file once.

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (!str_starts_with($class, 'NotPanel\\')) {
        return;
    }
    $file = __DIR__ . '/src/' . strtr(substr($class, strlen('NotPanel\\')), '\\', '/') . '.php';
    if (is_file($file)) {
        require $file;
    }
});
