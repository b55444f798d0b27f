package ui

func inputType(i Input) string {
	if i.Type == "" {
		return "text"
	}
	return i.Type
}

func buttonClass(kind string) string {
	switch kind {
	case "primary":
		return "btn btn-primary"
	case "danger":
		return "btn btn-error"
	case "danger-quiet":
		return "btn btn-danger-quiet"
	case "ghost":
		return "btn btn-ghost"
	default:
		return "btn"
	}
}
