package ui

import (
	"context"
	"slices"
)

// settingsPath is where the panel is opened again.
const settingsPath = "/admin/settings"

// mayOpen reports whether the reader may open the panel again.
func mayOpen(ctx context.Context) bool {
	return slices.ContainsFunc(adminLinks(ctx), func(l Link) bool { return l.Path == settingsPath })
}

// shutOut reports whether the panel is closed and the reader sees none of it.
func shutOut(ctx context.Context) bool { return Of(ctx).Panel.Closed && !staffReads(ctx) }

// staffReads reports whether the reader is of staff: they see the pages while the
// panel is closed.
func staffReads(ctx context.Context) bool {
	v := Of(ctx)
	return v.Person != nil && (len(v.Person.Desk) > 0 || v.Person.Viewer != "")
}
