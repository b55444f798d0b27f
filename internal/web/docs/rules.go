package docs

// Rule is a sentence of the authentication page that the program has to keep.
type Rule struct {
	ID string
	// Says are words of the page, as it is in English, that state the rule.
	Says string
	// WithPages tells that the rule is about the pages where keys are made, and is
	// tested with them.
	WithPages bool
}

// Rules lists what the authentication page promises; each has a test of its id.
func Rules() []Rule {
	return []Rule{
		{ID: "body-key", Says: "Send it in the `key` field of the request's body"},
		{ID: "names-account", Says: "The key names your account."},
		{ID: "tier", Says: "It decides the prices and limits of your tier"},
		{ID: "scope", Says: "it limits every action to your account's own data"},
		{ID: "one-answer", Says: "gets one and the same answer"},
		{ID: "no-headers", Says: "**Headers are not read.**"},
		{ID: "no-url", Says: "**The URL is refused.**"},
		{ID: "url-marked", Says: "the keys page marks the key"},
		{ID: "post-only", Says: "**Only `POST` is answered.**"},
		{ID: "prefixes", Says: "The value begins with `np_live_` or `np_test_`."},
		{ID: "shown-once", Says: "**The value is shown once**", WithPages: true},
		{ID: "hash-and-prefix", Says: "We keep a hash of it and the first characters"},
		{ID: "at-most", Says: "active keys**, live and test together"},
		{ID: "one-by-one", Says: "revoke one without touching the others"},
		{ID: "rotate-at-once", Says: "The old value is refused from that moment on"},
		{ID: "running-completes", Says: "A request that was already let in completes."},
		{ID: "revoke-for-good", Says: "**Revoking** ends a key for good"},
		{ID: "password", Says: "**Making and rotating ask for your password each time**", WithPages: true},
		{ID: "can", Says: "A key can list services, place orders, read their status, ask for refills, cancel, read your balance and statement, and register webhooks of its own."},
		{ID: "cannot-move-money", Says: "move money out of your wallet"},
		{ID: "cannot-keys", Says: "make, change, rotate or revoke keys"},
		{ID: "cannot-profile", Says: "change your e-mail address, password, second factor or profile"},
		{ID: "cannot-others", Says: "see or touch the data of another account"},
		{ID: "cannot-mode", Says: "a test key sees no live order, a live key no test order"},
		{ID: "limits", Says: "Each key may have limits of its own"},
		{ID: "daily-cap", Says: "A daily cap on the key limits even what can be ordered."},
	}
}
