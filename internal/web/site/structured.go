package site

import (
	"context"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// thing is an object of schema.org's vocabulary.
type thing map[string]any

const vocabulary = "https://schema.org"

func structuredHome(ctx context.Context) thing {
	p := ui.Of(ctx).Panel
	organization := thing{"@type": "Organization", "@id": p.URL + "/#organization", "name": p.Name, "url": p.URL + "/"}
	if p.LegalName != "" {
		organization["legalName"] = p.LegalName
	}
	if p.Support != "" {
		organization["email"] = p.Support
	}
	if p.LogoURL != "" {
		organization["logo"] = p.URL + p.LogoURL
	}
	site := thing{
		"@type": "WebSite", "name": p.Name, "url": p.URL + "/", "inLanguage": ui.Of(ctx).Language.Code,
		"publisher": thing{"@id": p.URL + "/#organization"},
		"potentialAction": thing{
			"@type": "SearchAction", "query-input": "required name=search_term_string",
			"target": thing{"@type": "EntryPoint", "urlTemplate": p.URL + "/services?q={search_term_string}"},
		},
	}
	return thing{"@context": vocabulary, "@graph": []thing{organization, site}}
}

func structuredService(ctx context.Context, l catalog.Listing, v *catalog.Service) thing {
	p := ui.Of(ctx).Panel
	address := absolute(ctx, servicePath(l.ID))
	product := thing{
		"@type": "Product", "name": l.Name, "sku": strconv.FormatInt(v.ID, 10), "category": l.Category, "url": address,
		"offers": thing{
			"@type": "Offer", "url": address, "availability": vocabulary + "/InStock", "price": v.Rate.String(), "priceCurrency": p.Currency,
			"priceSpecification": thing{
				"@type": "UnitPriceSpecification", "price": v.Rate.String(), "priceCurrency": p.Currency,
				"referenceQuantity": thing{"@type": "QuantitativeValue", "value": 1000},
			},
			"eligibleQuantity": thing{"@type": "QuantitativeValue", "minValue": v.Min, "maxValue": v.Max},
		},
	}
	if text := plainText(l.Description); text != "" {
		product["description"] = sentence(text, 500)
	}
	return thing{"@context": vocabulary, "@graph": []thing{product, crumbs(ctx, []ui.Crumb{
		{Text: ui.T(ctx, "site.services.title"), Path: "/services"},
		{Text: l.Category, Path: filter{category: l.CategoryID}.path()},
		{Text: l.Name, Path: servicePath(l.ID)},
	})}}
}

func crumbs(ctx context.Context, all []ui.Crumb) thing {
	var items []thing
	for i, c := range all {
		items = append(items, thing{"@type": "ListItem", "position": i + 1, "name": c.Text, "item": absolute(ctx, c.Path)})
	}
	return thing{"@type": "BreadcrumbList", "itemListElement": items}
}

func structuredQuestions(ctx context.Context, text content.Page) any {
	var all []thing
	for _, q := range text.Questions {
		answer := strings.ReplaceAll(q.Answer, `href="/`, `href="`+ui.Of(ctx).Panel.URL+"/")
		all = append(all, thing{"@type": "Question", "name": q.Text, "acceptedAnswer": thing{"@type": "Answer", "text": answer}})
	}
	if len(all) == 0 {
		return nil
	}
	return thing{"@context": vocabulary, "@type": "FAQPage", "mainEntity": all}
}
