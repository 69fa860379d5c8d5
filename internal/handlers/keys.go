package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
	"quantix/internal/services"
)

const keysPath = apiPath + "/api-keys"

// APIKeyBody is an API key as it is answered. It is exported as EventBody is.
type APIKeyBody struct {
	ID          models.KeyID        `json:"id"`
	Name        string              `json:"name" example:"Till 3"`
	Role        keyRole             `json:"role"`
	OrganizerID *models.OrganizerID `json:"organizer_id" nullable:"true" doc:"null for an admin."`
	EventIDs    []models.EventID    `json:"event_ids" nullable:"true" doc:"Of these events alone; null: of all of the organizer's."`
	ExpiresAt   *time.Time          `json:"expires_at" doc:"null: never."`
	LastUsedAt  *time.Time          `json:"last_used_at" doc:"To a minute or so; null: never."`
	CreatedAt   time.Time           `json:"created_at"`
}

func toAPIKey(k models.APIKey) APIKeyBody {
	return APIKeyBody{
		ID: k.ID, Name: k.Name, Role: keyRole(k.Role), OrganizerID: idOrNull(k.Organizer), EventIDs: k.Only.IDs(),
		ExpiresAt: moment(k.ExpiresAt), LastUsedAt: moment(k.LastUsedAt), CreatedAt: k.CreatedAt.UTC(),
	}
}

// idOrNull is an id that may not be there.
func idOrNull[K any](id models.ID[K]) *models.ID[K] {
	if id.IsZero() {
		return nil
	}
	return &id
}

// newAPIKeyBody is a key with its text, which is shown this once.
type newAPIKeyBody struct {
	APIKeyBody
	Key string `json:"key" doc:"What to send as Authorization: Bearer. It is shown this once; only its hash is kept." example:"qx_…"`
}

// keyRole is what a key may be for.
type keyRole models.Role

// Schema refers to the roles of keys.
func (keyRole) Schema(r huma.Registry) *huma.Schema {
	return enumOf(r, "APIKeyRole", "What an API key may be for.", models.KeyRoles)
}

// APIKeyCreate is the body of POST /api-keys.
type APIKeyCreate struct {
	Name        string             `json:"name" minLength:"1" maxLength:"255" example:"Till 3"`
	Role        keyRole            `json:"role"`
	OrganizerID models.OrganizerID `json:"organizer_id,omitempty" doc:"Whose events it is for; absent: one's own organizer's, or the default one's. An admin's key is for all, and has none."`
	EventIDs    []models.EventID   `json:"event_ids,omitempty" nullable:"true" minItems:"1" maxItems:"100" doc:"Only of these events of the organizer."`
	ExpiresAt   *instant           `json:"expires_at,omitempty" nullable:"true" doc:"When it ends; null or absent: never."`
}

func (b *APIKeyCreate) read(f *form) {
	b.Name, _ = f.text("name", required)
	role, _ := f.text("role", required)
	b.Role = keyRole(role)
	b.OrganizerID = readID[models.OrganizerID](f, "organizer_id", optional)
	b.EventIDs = readIDs[models.EventID](f, "event_ids", models.MaxKeyEvents)
	if end, present := f.clearable("expires_at"); present && !end.IsZero() {
		b.ExpiresAt = &end
	}
}

func (b *APIKeyCreate) draft() models.KeyDraft {
	d := models.KeyDraft{Name: b.Name, Role: models.Role(b.Role), Organizer: b.OrganizerID, Events: b.EventIDs}
	if b.ExpiresAt != nil {
		d.ExpiresAt = b.ExpiresAt.Time
	}
	return d
}

// The inputs and outputs of the operations on keys.
type (
	keyPath struct {
		ID models.KeyID `path:"id" doc:"The key's id."`
	}
	keysInput      struct{ Paging }
	keyCreateInput struct {
		Body body[APIKeyCreate, *APIKeyCreate]
	}
	keyCreated struct{ Body newAPIKeyBody }
)

type keys struct{ keys *services.Keys }

func (h *keys) register(a *api) {
	register(a, operation{
		id: "list-api-keys", method: http.MethodGet, path: keysPath, tag: "identity", summary: "List API keys",
		detail: "Those that are not revoked, in the order of their making.", errors: []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	register(a, operation{
		id: "create-api-key", method: http.MethodPost, path: keysPath, tag: "identity", summary: "Make an API key",
		detail: "Its text is in this answer alone. A key may do no more than its maker, and lives no longer than the key that made it.",
		status: http.StatusCreated,
		errors: []*models.Error{models.ErrOrganizerNotFound, models.ErrEventNotFound},
	}, h.create)
	register(a, operation{
		id: "revoke-api-key", method: http.MethodDelete, path: keysPath + "/{id}", tag: "identity",
		summary: "Revoke an API key",
		detail:  "It is refused everywhere within a second. Keys that were made by it stay.", status: http.StatusNoContent,
		errors: []*models.Error{models.ErrKeyNotFound},
	}, h.revoke)
}

func (h *keys) list(ctx context.Context, in *keysInput) (*listOutput[APIKeyBody], error) {
	l := list{path: keysPath}
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.keys.List(ctx, callerOf(ctx), page)
	if err != nil {
		return nil, err
	}
	position := func(k models.APIKey) models.Position { return models.Position{ID: k.ID} }
	return cut(in.Paging, l, found, position, toAPIKey), nil
}

func (h *keys) create(ctx context.Context, in *keyCreateInput) (*keyCreated, error) {
	key, text, err := h.keys.Create(ctx, callerOf(ctx), in.Body.Value.draft())
	if err != nil {
		return nil, err
	}
	return &keyCreated{Body: newAPIKeyBody{APIKeyBody: toAPIKey(key), Key: text}}, nil
}

func (h *keys) revoke(ctx context.Context, in *keyPath) (*struct{}, error) {
	return nil, h.keys.Revoke(ctx, callerOf(ctx), in.ID)
}
