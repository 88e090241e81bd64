package signin

import (
	"slices"
	"strings"
	"unicode"
)

// A vocabulary is a set of words. Its phrases are found within a text; in
// scripts that put no spaces between words everything is a phrase.
type vocabulary struct {
	words   map[string]bool
	phrases []string
}

func words(list string, phrases ...string) vocabulary {
	v := vocabulary{words: map[string]bool{}, phrases: phrases}
	for _, w := range strings.Fields(list) {
		v.words[w] = true
	}
	return v
}

// in tells whether the text has one of the words.
func (v vocabulary) in(text string) bool {
	tokens := tokens(text)
	for _, t := range tokens {
		if v.words[t] {
			return true
		}
	}
	joined := strings.Join(tokens, " ")
	return slices.ContainsFunc(v.phrases, func(p string) bool { return strings.Contains(joined, p) })
}

// The words by which controls are known: English, German, French, Spanish,
// Italian, Portuguese, Dutch, Japanese, Chinese.
var (
	approving = words(`allow allowed approve approved authorize authorise authorization accept accepted
		continue grant granted yes confirm confirmed consent agree permit proceed enable ok okay
		zulassen erlauben genehmigen zustimmen akzeptieren weiter fortfahren ja bestätigen autorisieren einverstanden
		autoriser accepter continuer oui confirmer approuver permettre
		permitir autorizar aceptar continuar sí confirmar aprobar
		consenti autorizza accetta continua sì conferma approva
		aceitar sim aprovar toestaan accepteren doorgaan bevestigen`,
		"許可", "承認", "同意", "続行", "はい", "允许", "授权", "继续", "确认")
	denying = words(`deny denied denies cancel cancelled reject rejected decline declined no back abort refuse refused
		disallow disagree dismiss never don don't revoke
		ablehnen abbrechen verweigern nein zurück
		refuser annuler non rejeter retour denegar rechazar cancelar volver
		nega rifiuta annulla indietro negar recusar não voltar weigeren annuleren nee terug`,
		"not allow", "not now", "do not", "拒否", "キャンセル", "いいえ", "戻る", "拒绝", "取消", "返回")
	// merely are approving words that ask for no approval by themselves.
	merely = words(`continue weiter fortfahren continuer continuar continua doorgaan proceed ok okay`, "続行", "继续")

	// signing and entering are the words of buttons that send a login form; the
	// latter say nothing else.
	signing = words(`login signin logon anmelden einloggen connexion connecter acceder accedi inloggen aanmelden`,
		"sign in", "log in", "log on", "iniciar sesión", "se connecter", "ログイン", "サインイン", "登录")
	entering = words(`submit next continue enter go weiter suivant siguiente entrar avanti seguinte volgende`, "次へ", "下一步")

	// elsewhere are the words of controls that lead away from the sign-in at hand.
	elsewhere = words(`forgot forgotten reset register signup logout signout
		passkey webauthn sso language help cookie cookies resend show hide copy search
		vergessen registrieren abmelden registrarse olvidé inscrire oublié search`,
		"sign up", "sign out", "log out", "continue with", "sign in with", "log in with", "login with", "sign in using",
		"create account", "create an account",
		"try another", "different account", "another account", "switch account", "reload")

	// paths are last segments of form actions that say what the form does.
	// Both answers may go to /consent or /authorize, so those say nothing.
	approvingPath = words(`approve allow accept grant confirm agree yes`)
	denyingPath   = words(`deny reject decline cancel abort refuse disallow no`)

	passwordWords = words(`password passwort passphrase kennwort passwd pwd contraseña senha wachtwoord`,
		"mot de passe", "パスワード", "密码")
	nameWords = words(`user username login email account identifier identity userid uid benutzername benutzer konto
		utilisateur usuario utente gebruikersnaam mail`,
		"user name", "user id", "e mail", "ユーザー", "メール", "用户名", "邮箱")
	// otherWords are those of fields that are neither, whatever else they say.
	otherWords = words(`code otp pin token captcha search totp mfa phone tenant organization workspace coupon`, "one time")
)

// tokens splits a text, or a name such as submit_consent or acceptTerms, into
// its words in lower case.
func tokens(text string) []string {
	var b strings.Builder
	var last rune
	for _, r := range text {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return strings.FieldsFunc(strings.ToLower(b.String()), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// An answer is what pressing a control tells the server.
type answer int

const (
	unclear answer = iota
	approves
	denies
)

// tells reads an answer from a text. A refusing word wins over an agreeing one:
// "do not allow".
func tells(text string) answer {
	switch {
	case elsewhere.in(text):
		return unclear
	case denying.in(text):
		return denies
	case approving.in(text):
		return approves
	}
	return unclear
}

// tells reads the answer of a control: from what the user reads first, from
// what is sent next, from where it is sent last, and never from its id.
func (c *Control) tells() answer {
	if elsewhere.in(c.Label) || signing.in(c.Label) {
		return unclear
	}
	texts := []string{c.Label}
	if c.Kind != Link {
		texts = append(texts, c.Value, c.Name)
	}
	for _, text := range texts {
		if a := tells(text); a != unclear {
			return a
		}
	}
	switch strings.ToLower(c.Value) {
	case "1", "true", "y":
		return approves
	case "0", "false", "n":
		return denies
	}
	switch last := tail(c.Action); {
	case c.Kind != Button:
	case denyingPath.in(last):
		return denies
	case approvingPath.in(last):
		return approves
	}
	return unclear
}

// tail is the last segment of the path of a URL.
func tail(u string) string {
	u, _, _ = strings.Cut(u, "?")
	return u[strings.LastIndexByte(u, '/')+1:]
}
