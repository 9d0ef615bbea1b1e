#include "layer/layers_state.h"

namespace wharf::layer {

Ingest::Ingest(std::unique_ptr<State> state) : state_(std::move(state)) {}

Ingest::~Ingest() {
  // First the process, then what it may still be writing.
  state_->unpacker.reset();
  try {
    if (!state_->finished) state_->layers->trash.take(state_->directory);
  } catch (const base::Error&) {
    // The next start removes half-made ingests.
  }
  if (state_->claimed.empty()) return;
  {
    const std::lock_guard guard(state_->layers->lock);
    state_->layers->bringing.erase(state_->claimed.text());
  }
  state_->layers->changed.notify_all();
}

void Ingest::write(std::string_view bytes) {
  state_->hash.update(bytes);
  state_->unpacker->write(bytes);
}

std::uint64_t Ingest::unpacked_bytes() const {
  return state_->unpacker->unpacked_bytes();
}

const base::Digest& Ingest::blob() const {
  return state_->blob;
}

Pin Ingest::finish(const base::Digest& expected) {
  state_->blob = state_->hash.finish();
  // Docker: containerd's words; the stream is at fault, not what it unpacks to.
  if (!state_->claimed.empty() && state_->blob != state_->claimed) {
    base::fail(base::Kind::Internal,
               "unexpected commit digest {}, expected {}: failed precondition", state_->blob.text(),
               state_->claimed.text());
  }
  const Verdict verdict = state_->unpacker->finish();
  if (!expected.empty() && verdict.diff_id != expected) {
    base::fail(base::Kind::Internal,
               "wrong diff id calculated on extraction \"{}\", expected \"{}\"",
               verdict.diff_id.text(), expected.text());
  }
  const LayerInfo info{verdict.diff_id, verdict.size, verdict.entries};
  Pin pin = state_->layers->settle(state_->directory, info, state_->blob);
  state_->finished = true;
  return pin;
}

}  // namespace wharf::layer
