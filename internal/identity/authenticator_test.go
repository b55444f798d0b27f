package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a security key with one passkey.
type authenticator struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte // of the account
	origin string
	count  uint32
	step   uint32 // what the counter grows by; 0: it has none
	flags  byte
}

// The flags of an answer.
const (
	userPresent  = 0x01
	userVerified = 0x04
	hasKey       = 0x40
)

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	credentialID := make([]byte, 16)
	_, _ = rand.Read(credentialID)
	return &authenticator{t: t, key: key, id: credentialID, origin: public, step: 1, flags: userPresent | userVerified}
}

// asked are the options that reach a browser.
type asked struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
		AllowCredentials []struct {
			ID string `json:"id"`
		} `json:"allowCredentials"`
		UserVerification string `json:"userVerification"`
	} `json:"publicKey"`
}

func (a *authenticator) read(options []byte) (q asked) {
	a.t.Helper()
	if err := json.Unmarshal(options, &q); err != nil {
		a.t.Fatal(err)
	}
	return q
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) clientData(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) data(rpID string, flags byte) []byte {
	hash := sha256.Sum256([]byte(rpID))
	a.count += a.step
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.count)
}

// make answers the options for a new passkey.
func (a *authenticator) make(options []byte) []byte {
	a.t.Helper()
	q := a.read(options)
	a.handle, _ = base64.RawURLEncoding.DecodeString(q.PublicKey.User.ID)
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		a.t.Fatal(err)
	}
	data := append(a.data(q.PublicKey.RP.ID, a.flags|hasKey), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": text(a.clientData("webauthn.create", q.PublicKey.Challenge)), "attestationObject": text(object),
	})
}

// sign answers the options of a sign-in or a proof.
func (a *authenticator) sign(options []byte) []byte {
	a.t.Helper()
	q := a.read(options)
	data, client := a.data(q.PublicKey.RPID, a.flags), a.clientData("webauthn.get", q.PublicKey.Challenge)
	clientHash := sha256.Sum256(client)
	hash := sha256.Sum256(append(append([]byte{}, data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, hash[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature), "userHandle": text(a.handle),
	})
}

func (a *authenticator) answer(response map[string]any) []byte {
	b, err := json.Marshal(map[string]any{
		"id": text(a.id), "rawId": text(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}
