package testenv

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// AuthenticatorOptions are how a virtual authenticator is made. The zero value is a security
// key: by USB, with room for passkeys, which verifies its person.
type AuthenticatorOptions struct {
	Platform     bool // built into the device instead of a key by USB
	Synced       bool // its passkeys may be copied to other devices, and are
	Unverified   bool // it cannot tell who touches it
	WaitForTouch bool // nobody touches it until Touch
}

// Authenticator holds passkeys for one tab, and answers as if a person touched it.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Authenticator plugs a virtual authenticator into the tab. Only pages of http://localhost
// and of https may use one, not those of an IP address. Another tab needs its own: see CopyTo.
func (b *Tab) Authenticator(o AuthenticatorOptions) *Authenticator {
	b.t.Helper()
	a := &Authenticator{tab: b}
	transport := webauthn.AuthenticatorTransportUsb
	if o.Platform {
		transport = webauthn.AuthenticatorTransportInternal
	}
	b.do("plug in an authenticator", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		made, err := cdp.Call(ctx, tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: transport,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: !o.Unverified,
				AutomaticPresenceSimulation: !o.WaitForTouch,
				DefaultBackupEligibility:    o.Synced, DefaultBackupState: o.Synced,
			}})
		a.id = made.AuthenticatorID
		return err
	}))
	return a
}

// Touch says from now on whether a person touches the authenticator when it asks.
func (a *Authenticator) Touch(yes bool) {
	a.tab.t.Helper()
	a.call("touch the authenticator", func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: yes})
		return err
	})
}

// Verify says from now on whether the authenticator recognizes its person.
func (a *Authenticator) Verify(yes bool) {
	a.tab.t.Helper()
	a.call("verify the person", func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: yes})
		return err
	})
}

// Passkey is a passkey with its private key, in the words of the browser's protocol.
type Passkey struct {
	ID         []byte  `json:"credentialId"`
	Resident   bool    `json:"isResidentCredential"`
	RP         string  `json:"rpId,omitempty"`
	PrivateKey []byte  `json:"privateKey"` // P-256, PKCS #8
	UserHandle []byte  `json:"userHandle,omitempty"`
	Count      float64 `json:"signCount"`
	Eligible   bool    `json:"backupEligibility"`
	BackedUp   bool    `json:"backupState"`
}

// Passkeys returns the passkeys that the authenticator holds.
func (a *Authenticator) Passkeys() []Passkey {
	a.tab.t.Helper()
	var held []Passkey
	a.call("list passkeys", func(ctx context.Context, tab *chromedp.Target) error {
		answer, err := cdp.Call(ctx, tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
		for _, c := range answer.Credentials {
			held = append(held, Passkey{ID: c.CredentialID, Resident: c.IsResidentCredential, RP: c.RpID, PrivateKey: c.PrivateKey,
				UserHandle: c.UserHandle, Count: c.SignCount, Eligible: c.BackupEligibility, BackedUp: c.BackupState})
		}
		return err
	})
	return held
}

// addCredential is the protocol's command without the members of newer authenticators, which
// Chromium refuses even where they say no.
var addCredential = cdp.Command[addCredentialParams, cdp.Empty]{Method: webauthn.CommandAddCredential}

type addCredentialParams struct {
	Authenticator webauthn.AuthenticatorID `json:"authenticatorId"`
	Passkey       Passkey                  `json:"credential"`
}

// Add puts a passkey into the authenticator.
func (a *Authenticator) Add(p Passkey) {
	a.tab.t.Helper()
	a.call("add a passkey", func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, addCredential, addCredentialParams{a.id, p})
		return err
	})
}

// CopyTo puts the same passkeys into another authenticator, as if one key were carried to
// another tab.
func (a *Authenticator) CopyTo(other *Authenticator) {
	a.tab.t.Helper()
	for _, p := range a.Passkeys() {
		other.Add(p)
	}
}

// Remove pulls the authenticator out.
func (a *Authenticator) Remove() {
	a.tab.t.Helper()
	a.call("pull out the authenticator", func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: a.id})
		return err
	})
}

func (a *Authenticator) call(what string, f func(context.Context, *chromedp.Target) error) {
	a.tab.t.Helper()
	a.tab.do(what, chromedp.Func(f))
}
