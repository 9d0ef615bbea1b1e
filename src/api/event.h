// One line of GET /events, and which events a client asks for.
#pragma once

#include "api/version.h"
#include "base/event.h"
#include "base/filters.h"
#include "base/json.h"

namespace wharf::api {

/// Docker: before 1.52 the fields status, id and from of the oldest API are there as well.
base::Json event_json(const base::Event& event, Version version);

/// Whether `event` passes `filters`, whose unknown keys are ignored as Docker does.
bool event_passes(const base::Event& event, const base::Filters& filters);

}  // namespace wharf::api
