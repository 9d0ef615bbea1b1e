// Which host a request goes to: the first that may serve it, answers, and has not failed.
#include "base/error.h"
#include "base/log.h"
#include "registry/session.h"

namespace wharf::registry {
namespace {

using base::Error;
using base::fail;
using base::Kind;

bool serves(const Origin& origin, Need need) {
  switch (need) {
    case Need::Resolve:
      return origin.resolve;
    case Need::Pull:
      return origin.pull;
    case Need::Push:
      return origin.push;
    case Need::Login:
      return origin.canonical;
  }
  return false;
}

}  // namespace

/// Looks whether the host is there and speaks what its URL says.
void Session::probe(const Target& target) {
  const http::Url url = target.origin.at("/v2/");
  const http::client::Request request{.target = url.target(), .stop = stop_};
  try {
    http::client::Response response = target.client->send(request);
    if (response.status() >= 500)
      fail(Kind::Unavailable, "{} {}", response.status(), response.reason());
  } catch (const Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Unavailable, "failed to do request: Get \"{}\": {}", url.text(), error.what());
  }
}

/// The first origin from `from` on that may serve `need` and has not been left; the number of
/// origins where there is none. With the mutex held.
std::size_t Session::next_origin(Need need, std::size_t from) const {
  while (from < origins_.size() && (left_[from] || !serves(origins_[from], need))) ++from;
  return from;
}

std::shared_ptr<const Session::Target> Session::target(Need need) {
  for (std::size_t from = 0;;) {
    std::size_t index = 0, after = 0;
    {
      const std::lock_guard lock(mutex_);
      index = next_origin(need, from);
      after = next_origin(need, index + 1);
      if (index < origins_.size() && targets_[index]) return targets_[index];
    }
    if (index >= origins_.size()) {
      fail(Kind::Forbidden, "registry {}: no host is allowed to serve this", name_.domain());
    }
    try {
      return target_at(index);
    } catch (const Error& error) {
      const bool may_go_on = !origins_[index].canonical || error.kind() == Kind::Unavailable;
      if (error.kind() == Kind::Cancelled || !may_go_on || after >= origins_.size()) throw;
      base::log_debug("registry {}: {}", name_.domain(), error.what());
      const std::lock_guard lock(mutex_);
      left_[index] = true;
      from = after;
    }
  }
}

std::shared_ptr<const Session::Target> Session::target_at(std::size_t index) {
  const Origin& origin = origins_[index];
  auto found = std::make_shared<const Target>(
      Target{origin, index, connect(settings_, origin.url, origin.trust)});
  probe(*found);
  const std::lock_guard lock(mutex_);
  if (!targets_[index]) targets_[index] = std::move(found);
  return targets_[index];
}

bool Session::leave_mirror(const Call& call) {
  const std::lock_guard lock(mutex_);
  if (call.origin == kNoOrigin || origins_[call.origin].canonical) return false;
  left_[call.origin] = true;
  return true;
}

std::string Session::authorization_at(std::size_t index) {
  const std::lock_guard lock(mutex_);
  return authorizations_[index];
}

void Session::authorize(std::size_t index, std::string authorization) {
  const std::lock_guard lock(mutex_);
  authorizations_[index] = std::move(authorization);
}

}  // namespace wharf::registry
