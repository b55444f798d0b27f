package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"

	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
)

// checkOutbound looks at whom the panel may reach, and whether it does.
func (d *doctor) checkOutbound(ctx context.Context) {
	const about = "outbound"
	allow, err := d.settings.Allow()
	if err != nil {
		d.bad(about, err.Error(), "correct NOTPANEL_OUTBOUND_ALLOW")
		return
	}
	for _, network := range allow {
		if network.Bits() == 0 || network.Contains(metadata()) {
			d.warn(about, "NOTPANEL_OUTBOUND_ALLOW lets the panel reach "+network.String()+", where clouds answer with secrets of the machine", "name the networks of your providers alone")
		}
	}
	if public, err := d.settings.Public(); err == nil && public != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if resolves(ctx, public.Hostname()) != nil {
			d.warn("names", public.Hostname()+" is not known here", "look at /etc/resolv.conf, and at the name's records: customers need them")
		}
	}
	if d.db == nil {
		return
	}
	providers, err := provider.NewStore(d.db, nil).List(ctx)
	if err != nil {
		d.bad(about, "the providers can't be read: "+err.Error(), "run `notpanel migrate status`")
		return
	}
	guard := outbound.NewOperator(allow)
	for _, p := range providers {
		if p.State == provider.Active && p.Kind != provider.Manual {
			d.checkProvider(ctx, guard, p)
		}
	}
}

// metadata is where clouds tell a machine its secrets.
func metadata() netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 169, 254}) }

func (d *doctor) checkProvider(ctx context.Context, guard *outbound.Guard, p provider.Provider) {
	name := "provider " + p.Name
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" {
		d.bad(name, "its address can't be read", "set it anew with `notpanel provider set`")
		return
	}
	dial, port := guard.DialTLS, "443"
	if u.Scheme == "http" {
		dial, port = guard.DialPlain, "80"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	d.reach(ctx, name, u.Hostname(), port, dial)
}

// checkMail looks whether the mail server is there. Whether it takes mail only a mail
// can tell.
func (d *doctor) checkMail(ctx context.Context) {
	const about = "mail"
	server, err := d.settings.MailServer()
	switch {
	case err != nil:
		d.bad(about, err.Error(), "correct the setting")
		return
	case server == nil && d.settings.Dev:
		return
	case server == nil:
		d.warn(about, "no mail server is set: nobody can confirm an address or set a password anew", "set NOTPANEL_SMTP_URL and NOTPANEL_MAIL_FROM")
		return
	}
	allow, err := d.settings.Allow()
	if err != nil {
		return // said above
	}
	guard := outbound.NewOperator(allow)
	dial := guard.DialContext
	switch server.Security {
	case notify.Implicit:
		dial = guard.DialTLS
	case notify.Clear:
		dial = guard.DialPlain
	case notify.StartTLS:
	}
	if d.reach(ctx, about, server.Host, strconv.Itoa(server.Port), dial) {
		d.ok(about, "`notpanel mail test --to YOU` says whether it takes mail")
	}
}

// reach connects and hangs up.
func (d *doctor) reach(ctx context.Context, about, host, port string, dial func(ctx context.Context, network, address string) (net.Conn, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address := net.JoinHostPort(host, port)
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		d.bad(about, fmt.Sprintf("%s can't be reached: %s", address, plainError(err)), adviceFor(err))
		return false
	}
	_ = conn.Close() // nothing was said
	d.ok(about, address+" can be reached")
	return true
}

// plainError is an error in words for the operator.
func plainError(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "nothing answered in time"
	}
	return err.Error()
}

// adviceFor says what to do about a connection that failed.
func adviceFor(err error) string {
	_, unknown := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, outbound.ErrNotAllowed):
		return "it is in a private network: put its address into NOTPANEL_OUTBOUND_ALLOW if it is yours"
	case unknown:
		return "look at the name, and at /etc/resolv.conf"
	case certificate:
		return "its certificate is not for this name, has ended, or is from an authority that this machine does not know (ca-certificates)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: look at the port"
	}
	return "look at the firewall, and whether the hoster blocks the port"
}
