// Package access has the tests of who may use which page: every route is asked as
// everybody, in a whole panel on both databases.
package access
