// Package sdk holds the tests of the SDKs: each language's own runner, the sample
// in its README and its example, against the built program with demo data.
package sdk
