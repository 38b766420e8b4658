package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/pbkdf2"
)

const limit = 10_000

// sessions remembers the viewer of each Cookie header whose seal was opened.
type sessions struct {
	password []byte
	mutex    sync.RWMutex
	viewers  map[string]string
}

func newSessions(password string) *sessions {
	return &sessions{password: []byte(password), viewers: make(map[string]string)}
}

// viewer returns the id of the user whose session the header carries; "" when there is none.
func (s *sessions) viewer(cookieHeader string) string {
	s.mutex.RLock()
	userID, known := s.viewers[cookieHeader]
	s.mutex.RUnlock()
	if known {
		return userID
	}
	request := http.Request{Header: http.Header{"Cookie": {cookieHeader}}}
	cookie, err := request.Cookie("neptun-session")
	if err != nil {
		return ""
	}
	userID, err = s.open(cookie.Value)
	if err != nil || userID == "" {
		return ""
	}
	s.mutex.Lock()
	if len(s.viewers) >= limit {
		s.viewers = make(map[string]string)
	}
	s.viewers[cookieHeader] = userID
	s.mutex.Unlock()
	return userID
}

var errSeal = errors.New("not a valid seal")

// open verifies and decrypts an iron seal, version 2:
// Fe26.2*passwordId*salt*iv*ciphertext*expiration*hmacSalt*hmac
func (s *sessions) open(value string) (string, error) {
	sealed, err := url.PathUnescape(value)
	if err != nil {
		return "", err
	}
	parts := strings.Split(sealed, "*")
	if len(parts) != 8 || parts[0] != "Fe26.2" {
		return "", errSeal
	}
	salt, expiration, hmacSalt, digest := parts[2], parts[5], parts[6], parts[7]
	mac := hmac.New(sha256.New, s.key(hmacSalt))
	mac.Write([]byte(strings.Join(parts[:6], "*")))
	if !hmac.Equal([]byte(base64.RawURLEncoding.EncodeToString(mac.Sum(nil))), []byte(digest)) {
		return "", errSeal
	}
	if expiration != "" {
		milliseconds, err := strconv.ParseInt(expiration, 10, 64)
		if err != nil || milliseconds <= time.Now().UnixMilli() {
			return "", errSeal
		}
	}
	plain, err := decrypt(s.key(salt), parts[3], parts[4])
	if err != nil {
		return "", err
	}
	var session struct {
		Data struct {
			User struct {
				ID string `json:"id"`
			} `json:"user"`
		} `json:"data"`
	}
	err = json.Unmarshal(plain, &session)
	return session.Data.User.ID, err
}

func (s *sessions) key(salt string) []byte {
	return pbkdf2.Key(s.password, []byte(salt), 1, 32, sha1.New)
}

func decrypt(key []byte, iv, ciphertext string) ([]byte, error) {
	start, err := base64.RawURLEncoding.DecodeString(iv)
	if err != nil {
		return nil, err
	}
	text, err := base64.RawURLEncoding.DecodeString(ciphertext)
	if err != nil {
		return nil, err
	}
	if len(start) != aes.BlockSize || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, errSeal
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, start).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return nil, errSeal
	}
	return text[:len(text)-padding], nil
}
