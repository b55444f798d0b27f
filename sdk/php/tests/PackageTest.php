<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Client;

/** What is published is what it says it is. */
final class PackageTest extends TestCase
{
    private const ROOT = __DIR__ . '/..';

    /** @return iterable<string, array{string}> */
    public static function sources(): iterable
    {
        $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator(self::ROOT . '/src', \FilesystemIterator::SKIP_DOTS));
        foreach ($files as $file) {
            yield substr($file->getPathname(), strlen(self::ROOT . '/src/')) => [$file->getPathname()];
        }
    }

    public function testComposerJson(): void
    {
        $composer = json_decode(file_get_contents(self::ROOT . '/composer.json'), true, 16, JSON_THROW_ON_ERROR);
        self::assertSame('notpanel/notpanel', $composer['name']);
        self::assertMatchesRegularExpression('~^[a-z0-9]([_.-]?[a-z0-9]+)*/[a-z0-9](([_.]|-{1,2})?[a-z0-9]+)*$~', $composer['name']);
        self::assertSame(['php' => '>=8.1', 'ext-curl' => '*', 'ext-json' => '*'], $composer['require']);
        self::assertSame(['NotPanel\\' => 'src/'], $composer['autoload']['psr-4']);
        self::assertSame('Apache-2.0', $composer['license']);
        self::assertStringContainsString('Apache License', file_get_contents(self::ROOT . '/../../LICENSE'));
        self::assertArrayNotHasKey('version', $composer, 'it is the tag that says it');
        foreach (['autoload', 'autoload-dev'] as $section) {
            foreach ($composer[$section]['psr-4'] as $folder) {
                self::assertDirectoryExists(self::ROOT . "/$folder");
            }
        }
    }

    /** @dataProvider sources */
    public function testAFileHasTheClassOfItsName(string $path): void
    {
        $class = 'NotPanel\\' . strtr(substr($path, strlen(self::ROOT . '/src/'), -strlen('.php')), '/', '\\');
        self::assertTrue(class_exists($class) || interface_exists($class) || enum_exists($class), $class);
        self::assertSame(realpath($path), (new \ReflectionClass($class))->getFileName());
        self::assertStringStartsWith("<?php\n\ndeclare(strict_types=1);\n", file_get_contents($path));
    }

    /** @dataProvider sources */
    public function testItSpeaksPhp81(string $path): void
    {
        $source = file_get_contents($path);
        foreach ([
            'a class that is readonly (8.2)' => '/\breadonly\s+(final\s+|abstract\s+)?class\b|\b(final|abstract)\s+readonly\s+class\b/',
            'a constant with a type (8.3)' => '/\bconst\s+\??\w+\s+\w+\s*=/',
            'null, true or false as a type of its own (8.2)' => '/\):\s*(null|true|false)\s*[{;\n]/',
            'a union of intersections (8.2)' => '/\(\\\\?\w+&\\\\?\w+\)\s*\|/',
            'a property with hooks (8.4)' => '/public (private|protected)\(set\)|\(set\)/',
            'new without parentheses (8.4)' => '/(?<!\()\bnew \\\\?[\w\\\\]+\([^()]*\)->/',
            'functions of later versions' => '/\b(json_validate|str_increment|array_find|array_any|array_all|mb_trim|ini_parse_quantity|curl_upkeep|memory_reset_peak_usage)\(/',
        ] as $what => $pattern) {
            self::assertDoesNotMatchRegularExpression($pattern, $source, $what);
        }
    }

    /** No function of an extension that composer.json does not name. */
    public function testItNeedsNoOtherExtension(): void
    {
        $allowed = ['Core', 'curl', 'json', 'standard', 'date', 'hash', 'pcre', 'random', 'SPL'];
        $functions = [];
        foreach (self::sources() as [$path]) {
            foreach (\PhpToken::tokenize(file_get_contents($path)) as $token) {
                if ($token->is(T_STRING) && function_exists($token->text)) {
                    $functions[$token->text] = (new \ReflectionFunction($token->text))->getExtensionName() ?: 'none';
                }
            }
        }
        self::assertArrayHasKey('curl_init', $functions);
        self::assertSame([], array_diff($functions, $allowed));
    }

    public function testTheVersionIsOne(): void
    {
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+$/D', Client::VERSION);
    }

    public function testTheShopIsAHundredLines(): void
    {
        self::assertLessThanOrEqual(100, count(file(self::ROOT . '/examples/shop.php')));
    }
}
