#include "image/catalog.h"

#include "base/fields.h"

namespace wharf::image {
namespace {

using base::Json;

/// The column `record` of table `images`: docs/formats/database.md.
std::string record_text(const Record& record) {
  base::JsonObject object;
  object["mediaType"] = record.media_type;
  object["size"] = record.bytes;
  base::JsonArray documents;
  for (const base::Digest& document : record.documents) documents.emplace_back(document.text());
  object["documents"] = std::move(documents);
  object["source"] = record.source;
  if (!record.parent.empty()) object["parent"] = record.parent;
  return base::to_text(object);
}

Entry read_entry(const store::Rows& rows) {
  Entry entry;
  entry.id = base::Digest::parse(rows.text(0));
  const Json json = base::parse_json(rows.text(1));
  const base::JsonObject& object = json.get_object();
  entry.media_type = base::text_at(object, "mediaType");
  entry.source = base::text_at(object, "source");
  entry.parent = base::text_at(object, "parent");
  if (const Json* size = base::find(object, "size")) entry.bytes = size->to_number<std::int64_t>();
  if (const Json* documents = base::find(object, "documents"); documents && documents->is_array()) {
    for (const Json& one : documents->get_array())
      entry.documents.push_back(base::Digest::parse(one.get_string()));
  }
  entry.added.unix_ns = rows.integer(2);
  entry.last_tagged = entry.added;
  return entry;
}

void read_names(store::Reader& reader, Entry& entry) {
  store::Rows rows =
      reader.query("SELECT reference, tagged FROM tags WHERE image = ? ORDER BY tagged, reference",
                   {entry.id.text()});
  while (rows.next()) {
    entry.names.push_back(rows.text(0));
    entry.last_tagged.unix_ns = std::max(entry.last_tagged.unix_ns, rows.integer(1));
  }
}

/// Images are few and names are found by index: one query for each.
std::vector<Entry> entries(store::Reader& reader, store::Rows rows) {
  std::vector<Entry> out;
  while (rows.next()) out.push_back(read_entry(rows));
  for (Entry& entry : out) read_names(reader, entry);
  return out;
}

std::optional<Entry> first(std::vector<Entry> found) {
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

std::vector<Entry> Catalog::all() const {
  std::vector<Entry> out;
  database_.read([&](store::Reader& reader) {
    out = entries(reader,
                  reader.query("SELECT id, record, created FROM images ORDER BY created DESC, id"));
  });
  return out;
}

std::optional<Entry> Catalog::by_id(const base::Digest& id) const {
  std::optional<Entry> out;
  database_.read([&](store::Reader& reader) {
    out = first(entries(
        reader, reader.query("SELECT id, record, created FROM images WHERE id = ?", {id.text()})));
  });
  return out;
}

std::optional<Entry> Catalog::by_name(const std::string& name) const {
  std::optional<Entry> out;
  database_.read([&](store::Reader& reader) {
    out = first(entries(reader, reader.query("SELECT id, record, created FROM images WHERE id = "
                                             "(SELECT image FROM tags WHERE reference = ?)",
                                             {name})));
  });
  return out;
}

std::vector<Entry> Catalog::by_prefix(std::string_view hex_prefix, int limit) const {
  const std::string low = "sha256:" + std::string(hex_prefix);
  const std::string high = low + "g";  // The letter after the last hex digit.
  std::vector<Entry> out;
  database_.read([&](store::Reader& reader) {
    out = entries(
        reader,
        reader.query(
            "SELECT id, record, created FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            {low, high, std::int64_t{limit}}));
  });
  return out;
}

std::vector<base::Digest> Catalog::documents() const {
  std::vector<base::Digest> out;
  database_.read([&](store::Reader& reader) {
    store::Rows rows = reader.query("SELECT record FROM images");
    while (rows.next()) {
      const Json json = base::parse_json(rows.text(0));
      const Json* documents = base::find(json.get_object(), "documents");
      if (!documents) continue;
      for (const Json& one : documents->get_array())
        out.push_back(base::Digest::parse(one.get_string()));
    }
  });
  return out;
}

void Catalog::put(store::Transaction& transaction, const Record& record) {
  // Pulling one more platform of an index that is here adds documents: replaced, not ignored.
  transaction.run(
      "INSERT INTO images(id, created, record) VALUES(?, ?, ?) "
      "ON CONFLICT(id) DO UPDATE SET record = excluded.record",
      {record.id.text(), base::now().unix_ns, record_text(record)});
}

bool Catalog::name(store::Transaction& transaction, const std::string& name,
                   const base::Digest& id) {
  return transaction.run(
             "INSERT INTO tags(reference, image, tagged) VALUES(?, ?, ?) "
             "ON CONFLICT(reference) DO UPDATE SET image = excluded.image, tagged = "
             "excluded.tagged "
             "WHERE image <> excluded.image",
             {name, id.text(), base::now().unix_ns}) > 0;
}

void Catalog::unname(store::Transaction& transaction, const std::string& name) {
  transaction.run("DELETE FROM tags WHERE reference = ?", {name});
}

void Catalog::remove(store::Transaction& transaction, const base::Digest& id) {
  transaction.run("DELETE FROM tags WHERE image = ?", {id.text()});
  transaction.run("DELETE FROM images WHERE id = ?", {id.text()});
}

}  // namespace wharf::image
