// One pass over an image archive: layers to their unpackers, documents into memory.
//
// What an entry is, is told by its first bytes and its size, since the entry that says what
// belongs together (manifest.json, index.json) comes last. Names and links are resolved in the
// archive's own text and never touch a file system (threats A33). Inside room image only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/source.h"
#include "archive/tar_reader.h"
#include "image/progress.h"
#include "layer/layers.h"
#include "oci/manifest.h"

namespace wharf::image {

/// A layer that the archive brought, unpacked and verified.
struct LoadedLayer {
  layer::Pin pin;
  oci::Descriptor blob;  ///< Digest and size as in the archive; the media type is Docker's.
};

class Intake {
 public:
  Intake(layer::Layers& layers, const ProgressSink& progress, bool quiet, std::stop_token stop)
      : layers_(layers), progress_(progress), quiet_(quiet), stop_(std::move(stop)) {}

  /// Reads to the end. Throws what is wrong with the archive or one of its layers.
  void read(archive::Source& source);

  bool empty() const { return entries_ == 0; }

  /// The document of that name, links followed; nullptr where there is none.
  const std::string* document(std::string_view name) const;
  const LoadedLayer* layer(std::string_view name) const;

 private:
  void read_file(archive::TarReader& tar, const archive::Entry& entry, const std::string& name);
  void read_layer(archive::TarReader& tar, const archive::Entry& entry, const std::string& name,
                  std::string head);
  void keep_link(const archive::Entry& entry, const std::string& name);
  std::string follow(std::string_view name) const;
  void say(const std::string& id, std::int64_t done, std::int64_t total);
  void check_stop() const;

  layer::Layers& layers_;
  const ProgressSink& progress_;
  bool quiet_;
  std::stop_token stop_;
  std::uint64_t entries_ = 0;
  std::size_t document_bytes_ = 0;
  std::int64_t said_ns_ = 0;
  std::map<std::string, std::string> documents_;
  std::map<std::string, LoadedLayer> loaded_;
  std::map<std::string, std::string> links_;
};

}  // namespace wharf::image
