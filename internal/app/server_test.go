package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
)

// certificateFiles writes a certificate for 127.0.0.1 and its key.
func certificateFiles(t *testing.T, dir string) (cert, key string, trusted *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: clock.System().Add(-time.Hour), NotAfter: clock.System().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})
	for name, content := range map[string][]byte{cert: certPEM, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted = x509.NewCertPool()
	trusted.AppendCertsFromPEM(certPEM)
	return cert, key, trusted
}

// served are the settings of a panel of its own that has a certificate.
func served(t *testing.T, cert, key string) config.Serve {
	t.Helper()
	return config.Serve{
		Storage:  config.InFile(filepath.Join(t.TempDir(), "panel.db")),
		Outbound: config.Outbound{ProviderTimeout: time.Second},
		Listen:   "127.0.0.1:0", TLSCert: cert, TLSKey: key, AutoMigrate: true,
	}
}

// A certificate that can't be used fails the start, by the setting's name, before
// anything works or listens.
func TestUnusableCertificateFailsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, _ := certificateFiles(t, dir)
	otherDir := t.TempDir()
	_, otherKey, _ := certificateFiles(t, otherDir)
	broken := filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ cert, key, want string }{
		"no certificate":     {filepath.Join(dir, "none"), key, "NOTPANEL_TLS_CERT:"},
		"no key":             {cert, filepath.Join(dir, "none"), "NOTPANEL_TLS_KEY:"},
		"not a certificate":  {broken, key, "NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY:"},
		"another pair's key": {cert, otherKey, "NOTPANEL_TLS_CERT and NOTPANEL_TLS_KEY:"},
	} {
		server, err := NewServer(t.Context(), served(t, c.cert, c.key), slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if server != nil {
			t.Errorf("%s: there is a server", name)
		}
	}
}

// With a pair that fits, the panel is served over https.
func TestServesOverHTTPS(t *testing.T) {
	t.Parallel()
	cert, key, trusted := certificateFiles(t, t.TempDir())
	server, err := NewServer(t.Context(), served(t, cert, key), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	response, err := client.Get(server.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(server.URL(), "https://") || response.ProtoMajor != 2 {
		t.Errorf("%s: %d, HTTP/%d", server.URL(), response.StatusCode, response.ProtoMajor)
	}
	client.CloseIdleConnections()
	if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
