// Package site looks at every page of the panel on a phone and on a desk, in
// light and in dark, and says what is wrong with it: errors and violations that
// the browser reports, sideways scrolling, what axe-core finds, links that lead
// nowhere, weight. On the way it can take pictures.
//
// pages.go lists the pages. Package browser does the driving.
package site
