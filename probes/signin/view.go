// Package signin recognises login and consent pages by what a user sees of
// them, and says what the user does there. It knows no browser and no HTML: a
// user agent describes its page as a View and carries out the Move.
package signin

// A View is what a user sees of a page.
type View struct {
	URL      string    `json:"url"`
	Title    string    `json:"title"`
	Text     string    `json:"text"`     // visible text, at most 2,000 characters
	Controls []Control `json:"controls"` // those the user can see, in document order
	Captcha  bool      `json:"captcha"`  // something asks for a proof of being human
	Refresh  *Refresh  `json:"refresh"`  // where the page says it will go by itself; nil if it does not
	Inert    bool      `json:"inert"`    // nothing in the page could change it by itself
}

// A Refresh is the destination of a page that replaces itself.
type Refresh struct {
	URL   string  `json:"url"`
	Delay float64 `json:"delay"` // seconds
}

// MaxText is how much of a page's text a View holds, in characters.
const MaxText = 2000

// A Kind is a kind of control, by what one does with it.
type Kind string

// The kinds.
const (
	Field    Kind = "field"  // takes text
	Checkbox Kind = "check"  // is ticked
	Radio    Kind = "radio"  // is chosen among those of the same name
	Choice   Kind = "choice" // is a list to choose from
	Button   Kind = "button" // is pressed
	Link     Kind = "link"   // is followed
)

// A Control is something on a page that the user can act on.
type Control struct {
	Kind         Kind     `json:"kind"`
	Type         string   `json:"type"` // the type attribute, lower case
	Name         string   `json:"name"`
	Value        string   `json:"value"`
	Label        string   `json:"label"`        // all the text by which the user knows it
	Autocomplete string   `json:"autocomplete"` // the attribute, lower case
	Form         int      `json:"form"`         // which form of the page it belongs to; negative if to none
	Submits      bool     `json:"submits"`      // pressing it sends that form
	Method       string   `json:"method"`       // of the request it makes, lower case
	Action       string   `json:"action"`       // where that goes: absolute URL, empty if unknown
	Required     bool     `json:"required"`
	Checked      bool     `json:"checked"`
	Disabled     bool     `json:"disabled"` // greyed out; something else has to be done first
	ReadOnly     bool     `json:"readonly"`
	Options      []string `json:"options"` // the values of a Choice
}

// None stands for no control.
const None = -1

// A Move is what the user does on one page: fill in fields, tick boxes, press
// one control. Controls are named by their index in the View.
type Move struct {
	Purpose Purpose
	Fill    []Entry
	Tick    []int
	Press   int      // None: send the form of the last entry as the Enter key does
	Said    []string // the same in words, without what was typed

	at string // where it counts: an origin for a login, else a form
}

// An Entry is a value for a field or for a list to choose from.
type Entry struct {
	Control int    `json:"control"`
	Value   string `json:"value"`
}

// A Purpose is what a Move is for.
type Purpose int

// The purposes.
const (
	Stay    Purpose = iota // nothing on the page that the user could drive
	Name                   // give the user name; the password comes later
	Login                  // give the password
	Consent                // answer a request for consent
	Onward                 // leave a page that asks for nothing
)
