package office

import (
	"context"
	"net/http"
	"strings"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func rolePath(roleID string) string { return rolesPath + "/" + roleID }

func memberPath(accountID string) string { return membersPath + "/" + accountID }

// staffView is what the page of the staff shows.
type staffView struct {
	Self    string // the reader
	Members []staff.Member
	Roles   []staff.Role
	Done    string
}

// Staff shows who helps to run the panel, and as what.
func (p *Pages) Staff(w http.ResponseWriter, r *http.Request) (err error) {
	ctx := r.Context()
	v := staffView{
		Self: p.actor(r).AccountID,
		Done: doneText(r, "staff.done_", "appointed", "changed", "dismissed", "role_made", "role_changed", "role_removed"),
	}
	if v.Members, err = p.deps.Staff.Members(ctx); err != nil {
		return err
	}
	if v.Roles, err = p.deps.Staff.Roles(ctx); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, staffPage(v))
}

// permissionGroup is permissions of one kind.
type permissionGroup struct {
	key string // of its name
	all []staff.Permission
}

func permissionGroups() []permissionGroup {
	return []permissionGroup{
		{"staff.group_orders", []staff.Permission{staff.OrdersSee, staff.OrdersChange, staff.OrdersSettle, staff.OrdersRefund, staff.TextsDecide}},
		{"staff.group_catalogue", []staff.Permission{staff.CatalogueSee, staff.CatalogueChange, staff.ProvidersSee, staff.ProvidersChange}},
		{"staff.group_accounts", []staff.Permission{staff.AccountsSee, staff.AccountsChange, staff.AccountsView, staff.AccountsCredit, staff.TopupsDecide}},
		{"staff.group_panel", []staff.Permission{staff.ReportsSee, staff.LogSee, staff.ContentChange, staff.SettingsChange, staff.StaffChange}},
	}
}

// PermissionText says what a permission lets somebody do.
func PermissionText(ctx context.Context, one staff.Permission) string {
	return ui.T(ctx, "permission."+strings.ReplaceAll(string(one), ".", "_"))
}

func permissionOptions(ctx context.Context, all []staff.Permission) (options []ui.Option) {
	for _, one := range all {
		options = append(options, ui.Option{Value: string(one), Label: PermissionText(ctx, one)})
	}
	return options
}

func permissionNames(may staff.Set) (names []string) {
	for _, one := range may.List() {
		names = append(names, string(one))
	}
	return names
}

// roleOptions are the roles that somebody may get.
func roleOptions(roles []staff.Role) (options []ui.Option) {
	for _, one := range roles {
		options = append(options, ui.Option{Value: one.ID, Label: one.Name})
	}
	return options
}

// proven shows a form that needs a fresh proof.
func (p *Pages) proven(title string, form func(asked proof.Asked, f *ui.Form) templ.Component) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		asked, err := p.proofFor(r)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), title)}, form(asked, f))
	}
}

// finishStaff ends a form about the staff: the deed when its sender proved who they
// are.
func (p *Pages) finishStaff(w http.ResponseWriter, r *http.Request, f *ui.Form, show ui.ShowForm, what string, do func() error) error {
	err := p.prove(r)
	if err == nil {
		err = do()
	}
	if err != nil {
		return again(w, r, f, err, show)
	}
	return ui.Finish(w, r, ui.T(r.Context(), "staff.done_"+what), staffPath, done(what))
}

// role returns the role that a path names, of none an empty one for a new one.
func (p *Pages) role(r *http.Request) (role staff.Role, err error) {
	roleID := r.PathValue("id")
	if roleID == "" {
		return role, nil
	}
	if !id.Valid(id.StaffRole, roleID) {
		return role, fault.New(fault.NotFound, "There is no such role").Because(staff.NoRole)
	}
	return p.deps.Staff.Role(r.Context(), roleID)
}

// Role shows the form of a role: a new one or one that there is.
func (p *Pages) Role(w http.ResponseWriter, r *http.Request) error {
	role, err := p.role(r)
	if err != nil {
		return err
	}
	return p.showRole(role)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showRole(role staff.Role) ui.ShowForm {
	title := "staff.role_title"
	if role.ID == "" {
		title = "staff.role_new_title"
	}
	return p.proven(title, func(asked proof.Asked, f *ui.Form) templ.Component { return roleForm(role, asked, f) })
}

// SetRole makes a role or changes one.
func (p *Pages) SetRole(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	role, err := p.role(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	name := strings.TrimSpace(f.Value("name"))
	if n := len([]rune(name)); n == 0 || n > staff.MaxName {
		f.Refuse("name", ui.T(ctx, "staff.error_name", "Most", staff.MaxName))
		return p.showRole(role)(w, r, http.StatusUnprocessableEntity, f)
	}
	var given []staff.Permission
	for _, one := range f.Values["may"] {
		given = append(given, staff.Permission(one))
	}
	what := "role_changed"
	if role.ID == "" {
		what = "role_made"
	}
	return p.finishStaff(w, r, f, p.showRole(role), what, func() error {
		if role.ID == "" {
			_, err = p.deps.Staff.Create(ctx, name, staff.SetOf(given...), p.actor(r))
		} else {
			_, err = p.deps.Staff.Change(ctx, role.ID, name, staff.SetOf(given...), p.actor(r))
		}
		return err
	})
}

// AskRemoveRole asks before a role is taken away.
func (p *Pages) AskRemoveRole(w http.ResponseWriter, r *http.Request) error {
	role, err := p.role(r)
	if err != nil {
		return err
	}
	return p.showRemoveRole(role)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showRemoveRole(role staff.Role) ui.ShowForm {
	return p.proven("staff.role_remove_title", func(asked proof.Asked, f *ui.Form) templ.Component { return removeRoleForm(role, asked, f) })
}

// RemoveRole takes a role away that nobody has.
func (p *Pages) RemoveRole(w http.ResponseWriter, r *http.Request) error {
	role, err := p.role(r)
	if err != nil {
		return err
	}
	return p.finishStaff(w, r, ui.Sent(r), p.showRemoveRole(role), "role_removed", func() error {
		return p.deps.Staff.Remove(r.Context(), role.ID, p.actor(r))
	})
}

// AskAppoint asks who gets which role.
func (p *Pages) AskAppoint(w http.ResponseWriter, r *http.Request) error {
	return p.showAppoint(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showAppoint(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	roles, err := p.deps.Staff.Roles(r.Context())
	if err != nil {
		return err
	}
	return p.proven("staff.appoint_title", func(asked proof.Asked, f *ui.Form) templ.Component { return appointForm(roles, asked, f) })(w, r, status, f)
}

// Appoint gives an account a role.
func (p *Pages) Appoint(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	of, err := p.deps.Accounts.Find(ctx, strings.TrimSpace(cut(f.Value("email"))))
	switch {
	case fault.Is(err, fault.NotFound):
		f.Refuse("email", ui.T(ctx, "office.error_account"))
	case err != nil:
		return err
	}
	if f.Value("role") == "" {
		f.Refuse("role", ui.T(ctx, "staff.error_role"))
	}
	if !f.OK() {
		return p.showAppoint(w, r, http.StatusUnprocessableEntity, f)
	}
	return p.finishStaff(w, r, f, p.showAppoint, "appointed", func() error { return p.appoint(r, of.ID, cut(f.Value("role"))) })
}

// appoint gives an account a role, or none. A role that is gone is one that can't be
// chosen any more.
func (p *Pages) appoint(r *http.Request, accountID, roleID string) error {
	_, err := p.deps.Staff.Appoint(r.Context(), accountID, roleID, p.actor(r))
	if f := fault.From(err); err != nil && f.Reason == staff.NoRole {
		return fault.New(fault.Conflict, f.Text).Because(staff.NoRole)
	}
	return err
}

// member returns who of the staff a path names.
func (p *Pages) member(r *http.Request) (m staff.Member, err error) {
	all, err := p.deps.Staff.Members(r.Context())
	if err != nil {
		return m, err
	}
	for _, one := range all {
		if one.AccountID == r.PathValue("id") {
			return one, nil
		}
	}
	return m, fault.New(fault.NotFound, "Nobody of the staff")
}

// Member shows the form by which somebody gets another role.
func (p *Pages) Member(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	return p.showMember(m)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showMember(m staff.Member) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		roles, err := p.deps.Staff.Roles(r.Context())
		if err != nil {
			return err
		}
		return p.proven("staff.member_title", func(asked proof.Asked, f *ui.Form) templ.Component { return memberForm(m, roles, asked, f) })(w, r, status, f)
	}
}

// SetMember gives somebody another role.
func (p *Pages) SetMember(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	if f.Value("role") == "" {
		f.Refuse("role", ui.T(r.Context(), "staff.error_role"))
		return p.showMember(m)(w, r, http.StatusUnprocessableEntity, f)
	}
	return p.finishStaff(w, r, f, p.showMember(m), "changed", func() error { return p.appoint(r, m.AccountID, cut(f.Value("role"))) })
}

// AskDismiss asks before somebody loses their role.
func (p *Pages) AskDismiss(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	return p.showDismiss(m)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showDismiss(m staff.Member) ui.ShowForm {
	return p.proven("staff.dismiss_title", func(asked proof.Asked, f *ui.Form) templ.Component { return dismissForm(m, asked, f) })
}

// Dismiss makes somebody of the staff a customer again.
func (p *Pages) Dismiss(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	return p.finishStaff(w, r, ui.Sent(r), p.showDismiss(m), "dismissed", func() error { return p.appoint(r, m.AccountID, "") })
}

func roleTitle(role staff.Role) string {
	if role.ID == "" {
		return "staff.role_new_title"
	}
	return "staff.role_title"
}

func roleButton(role staff.Role) string {
	if role.ID == "" {
		return "staff.role_make"
	}
	return "staff.role_save"
}

func roleAction(role staff.Role) string {
	if role.ID == "" {
		return rolesPath
	}
	return rolePath(role.ID)
}
