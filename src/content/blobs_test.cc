#include "content/blobs.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::content {
namespace {

using base::Digest;
using base::Kind;

Kind kind_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return Kind::NotModified;
}

TEST(Blobs, WhatIsPutIsReadBackAlsoByTheNextDaemon) {
  os::TempDirectory root;
  Digest digest;
  {
    Blobs blobs(root.path());
    digest = blobs.put("{}");
    EXPECT_EQ(blobs.put("{}", digest), digest);
  }
  const Blobs blobs(root.path());
  EXPECT_TRUE(blobs.has(digest));
  EXPECT_EQ(blobs.read(digest), "{}");
  EXPECT_EQ(blobs.size(digest), 2U);
}

TEST(Blobs, WrongDigestStoresNothing) {
  os::TempDirectory root;
  Blobs blobs(root.path());
  const Digest other = base::Sha256::of("other");
  EXPECT_EQ(kind_of([&] { blobs.put("bytes", other); }), Kind::InvalidArgument);
  EXPECT_FALSE(blobs.has(other));
  EXPECT_FALSE(blobs.has(base::Sha256::of("bytes")));
  EXPECT_EQ(kind_of([&] { (void)blobs.read(other); }), Kind::NotFound);
}

TEST(Blobs, DocumentOverTheLimitIsRefused) {
  os::TempDirectory root;
  Blobs blobs(root.path());
  EXPECT_EQ(kind_of([&] { blobs.put(std::string(kMaxBlobBytes + 1, 'x')); }), Kind::TooLarge);
}

TEST(Blobs, FlippedBitsAreAnErrorAndPuttingAgainHeals) {
  os::TempDirectory root;
  Blobs blobs(root.path());
  const Digest digest = blobs.put("manifest");
  os::replace_file(root.path() / "content" / "sha256" / digest.hex(), "mAnifest", 0600);
  EXPECT_EQ(kind_of([&] { (void)blobs.read(digest); }), Kind::Internal);
  blobs.put("manifest");
  EXPECT_EQ(blobs.read(digest), "manifest");
}

TEST(Blobs, CollectRemovesWhatNobodyWantsUnlessALeaseIsHeld) {
  os::TempDirectory root;
  Blobs blobs(root.path());
  const Digest kept = blobs.put("kept"), gone = blobs.put("gone");
  const auto wanted = [&](const Digest& digest) { return digest == kept; };
  {
    const Lease lease = blobs.lease();
    EXPECT_EQ(blobs.collect(wanted), 0U);
    EXPECT_TRUE(blobs.has(gone));
  }
  EXPECT_EQ(blobs.collect(wanted), 4U);
  EXPECT_FALSE(blobs.has(gone));
  EXPECT_TRUE(blobs.has(kept));
}

}  // namespace
}  // namespace wharf::content
