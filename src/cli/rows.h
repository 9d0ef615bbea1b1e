// Rows of ps and images: API objects as the texts Docker's columns show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/template.h"

namespace wharf::cli {

/// One element of GET /containers/json. `now_ns` is for "3 hours ago".
TemplateData container_row(const base::JsonObject& container, bool truncate, std::int64_t now_ns);

/// One element of GET /images/json: a row per tag (and digest where shown).
std::vector<TemplateData> image_rows(const base::JsonObject& image, bool truncate, bool digests,
                                     std::int64_t now_ns);

/// "0.0.0.0:80->80/tcp, 90-91/udp" of the API's port list.
std::string port_column(const base::JsonArray& ports);

/// At most `width` columns, the last an ellipsis where something was cut.
std::string ellipsis(std::string_view text, std::size_t width);

/// "2026-11-21 08:17:19 +0000 UTC" in the local zone, as Go prints a time.
std::string go_time(std::int64_t unix_seconds);

/// {"name":{"value":true}} of "name=value" filters, for the query.
std::string filters_json(const std::vector<std::string>& filters);

/// Checks one --filter value and normalises its key. Throws UsageError.
std::string checked_filter(const std::string& text);

}  // namespace wharf::cli
