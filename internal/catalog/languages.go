package catalog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
)

// Wording is what a service or a category is called in a language; "" is what it is
// called without one.
type Wording struct{ Name, Description string }

// texts are the words of one language.
type texts struct {
	services   map[int64]Wording
	categories map[string]string // by id
}

// languageTag is a tag such as pt or pt-br.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$`)

// normalLanguage returns a tag in the form in which tags are kept.
func normalLanguage(tag string) (normal string, ok bool) {
	normal = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"))
	return normal, languageTag.MatchString(normal)
}

// Language returns the language that the catalogue has and that comes nearest to
// what is asked for: pt for pt-BR. It is "" where there is none, which is the
// panel's own.
func (s *Snapshot) Language(asked string) string {
	tag, ok := normalLanguage(asked)
	for ok {
		if _, known := s.texts[tag]; known {
			return tag
		}
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			break
		}
		tag = tag[:i]
	}
	return ""
}

// Wording returns what a service is called in a language that Language returned.
func (s *Snapshot) Wording(v *Service, lang string) Wording {
	t := Wording{v.Name, v.Description}
	if words, ok := s.texts[lang]; ok {
		said := words.services[v.ID]
		if said.Name != "" {
			t.Name = said.Name
		}
		if said.Description != "" {
			t.Description = said.Description
		}
	}
	return t
}

// CategoryName returns what a service's category is called in a language that
// Language returned.
func (s *Snapshot) CategoryName(v *Service, lang string) string {
	if words, ok := s.texts[lang]; ok && words.categories[v.CategoryID] != "" {
		return words.categories[v.CategoryID]
	}
	return v.Category
}

// in returns the words of a language, for loading.
func (s *Snapshot) in(lang string) texts {
	if _, ok := s.texts[lang]; !ok {
		s.texts[lang] = texts{map[int64]Wording{}, map[string]string{}}
	}
	return s.texts[lang]
}

func (s *Snapshot) loadTexts(tx *db.Tx) error {
	s.texts = map[string]texts{}
	err := tx.Each(func(r db.Scanner) error {
		var serviceID int64
		var lang string
		var t Wording
		err := r.Scan(&serviceID, &lang, &t.Name, &t.Description)
		s.in(lang).services[serviceID] = t
		return err
	}, `SELECT service_id, lang, name, description FROM service_texts`)
	if err != nil {
		return fmt.Errorf("load languages: %w", err)
	}
	err = tx.Each(func(r db.Scanner) error {
		var categoryID, lang, name string
		err := r.Scan(&categoryID, &lang, &name)
		s.in(lang).categories[categoryID] = name
		return err
	}, `SELECT category_id, lang, name FROM category_texts`)
	if err != nil {
		return fmt.Errorf("load languages: %w", err)
	}
	return nil
}

// checkLanguage returns a tag as it is kept.
func checkLanguage(tag string) (string, error) {
	normal, ok := normalLanguage(tag)
	if !ok {
		return "", fault.New(fault.Invalid, "lang must be a tag of a language such as de or pt-BR")
	}
	return normal, nil
}

// SetServiceText says what a service is called in a language; nil leaves a part
// as it is, "" takes it away. It returns what holds then.
func (s *Store) SetServiceText(ctx context.Context, serviceID int64, lang string, name, description *string, actor string) (t Wording, err error) {
	lang, err = checkLanguage(lang)
	switch {
	case err != nil:
		return t, err
	case name == nil && description == nil:
		return t, fault.New(fault.Invalid, "nothing to change was given")
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		if _, err := one(tx, serviceID); err != nil {
			return err
		}
		t = Wording{}
		err := tx.QueryRow(`SELECT name, description FROM service_texts WHERE service_id = $1 AND lang = $2`, serviceID, lang).
			Scan(&t.Name, &t.Description)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return fmt.Errorf("service text: %w", err)
		}
		if err := t.set(name, description); err != nil {
			return err
		}
		if err := writeServiceText(tx, serviceID, lang, t); err != nil {
			return err
		}
		return account.Record(tx, actor, "service.text", strconv.FormatInt(serviceID, 10), lang+": "+t.Name)
	})
	return t, err
}

func (t *Wording) set(name, description *string) error {
	if name != nil {
		if t.Name = strings.TrimSpace(*name); t.Name != "" {
			if err := checkName(t.Name); err != nil {
				return err
			}
		}
	}
	if description != nil {
		t.Description = strings.TrimSpace(*description)
		return checkDescription(t.Description)
	}
	return nil
}

func writeServiceText(tx *db.Tx, serviceID int64, lang string, t Wording) (err error) {
	if t == (Wording{}) {
		_, err = tx.Exec(`DELETE FROM service_texts WHERE service_id = $1 AND lang = $2`, serviceID, lang)
	} else {
		_, err = tx.Exec(`INSERT INTO service_texts (service_id, lang, name, description) VALUES ($1, $2, $3, $4)
			ON CONFLICT (service_id, lang) DO UPDATE SET name = $3, description = $4`, serviceID, lang, t.Name, t.Description)
	}
	if err != nil {
		return fmt.Errorf("service text: %w", err)
	}
	return nil
}

// SetCategoryText says what a category, given by its id or its name, is called in
// a language; "" takes that away. It returns the category's id.
func (s *Store) SetCategoryText(ctx context.Context, idOrName, lang, name, actor string) (categoryID string, err error) {
	if lang, err = checkLanguage(lang); err != nil {
		return "", err
	}
	if name = strings.TrimSpace(name); name != "" {
		if err := checkName(name); err != nil {
			return "", err
		}
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		err := tx.QueryRow(`SELECT id FROM categories WHERE id = $1 OR name = $1`, idOrName).Scan(&categoryID)
		if errors.Is(err, db.ErrNoRows) {
			return fault.Newf(fault.NotFound, "no category %s: `notpanel category list` shows them", idOrName)
		}
		if err != nil {
			return fmt.Errorf("category text: %w", err)
		}
		if name == "" {
			_, err = tx.Exec(`DELETE FROM category_texts WHERE category_id = $1 AND lang = $2`, categoryID, lang)
		} else {
			_, err = tx.Exec(`INSERT INTO category_texts (category_id, lang, name) VALUES ($1, $2, $3)
				ON CONFLICT (category_id, lang) DO UPDATE SET name = $3`, categoryID, lang, name)
		}
		if err != nil {
			return fmt.Errorf("category text: %w", err)
		}
		return account.Record(tx, actor, "category.text", categoryID, lang+": "+name)
	})
	return categoryID, err
}

// Category is a group of services.
type Category struct {
	ID    string
	Name  string
	Texts map[string]string // names by language
}

// Categories returns all categories in catalogue order.
func (s *Store) Categories(ctx context.Context) (all []Category, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (c Category, err error) {
			c.Texts = map[string]string{}
			err = r.Scan(&c.ID, &c.Name)
			return c, err
		}, `SELECT id, name FROM categories ORDER BY position, id`)
		if err != nil {
			return err
		}
		index := map[string]int{}
		for i, c := range all {
			index[c.ID] = i
		}
		return tx.Each(func(r db.Scanner) error {
			var categoryID, lang, name string
			if err := r.Scan(&categoryID, &lang, &name); err != nil {
				return err
			}
			all[index[categoryID]].Texts[lang] = name
			return nil
		}, `SELECT category_id, lang, name FROM category_texts`)
	})
	return all, err
}
