package sdk_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
)

// The tests of sdk/php, among them the samples of its README, pass against a panel.
func TestPHPSuite(t *testing.T) {
	t.Parallel()
	need(t, "phpunit", "--version")
	need(t, "php", "-r", "exit(extension_loaded('curl') ? 0 : 1);")
	said := run(t, startDemo(t), root(t, "sdk", "php"), "phpunit", "--fail-on-skipped", "--fail-on-incomplete")
	if !regexp.MustCompile(`OK \(\d{3,} tests`).MatchString(said) {
		t.Errorf("phpunit said\n%s", said)
	}
}
