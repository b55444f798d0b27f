// Package public walks through the pages that need no sign-in, in a browser and on
// the demo of the program.
package public
