#include "content/partial.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "content/blobs.h"

namespace wharf::content {
namespace {

const base::Digest kBlob = base::Sha256::of("blob");

std::string text_of(const Partial& partial, std::int64_t at) {
  std::string out(static_cast<std::size_t>(partial.known_until(at) - at), '\0');
  if (!out.empty()) out.resize(partial.read(at, out));
  return out;
}

class PartialTest : public ::testing::Test {
 protected:
  os::Path journal() const { return root.path() / (std::string(kBlob.hex()) + ".ranges"); }
  os::TempDirectory root;
};

TEST(Ranges, JoinWhatTouchesAndOverlaps) {
  Ranges ranges;
  add_range(ranges, 10, 20);
  add_range(ranges, 30, 40);
  EXPECT_EQ(ranges.size(), 2U);
  add_range(ranges, 20, 30);
  EXPECT_EQ(ranges, (Ranges{{10, 40}}));
  add_range(ranges, 0, 100);
  EXPECT_EQ(ranges, (Ranges{{0, 100}}));
  add_range(ranges, 5, 6);
  EXPECT_EQ(ranges, (Ranges{{0, 100}}));
}

TEST_F(PartialTest, WhatWasWrittenIsThereForTheNextDaemon) {
  {
    Partials partials(root.path());
    const auto partial = partials.open(kBlob, 10);
    EXPECT_FALSE(partial->resumed());
    partial->write(0, "abc");
    partial->write(6, "ghi");
    EXPECT_EQ(partials.disk_bytes(), 0U);
  }
  Partials partials(root.path());
  EXPECT_GT(partials.disk_bytes(), 0U);
  const auto partial = partials.open(kBlob, 10);
  EXPECT_TRUE(partial->resumed());
  EXPECT_EQ(text_of(*partial, 0), "abc");
  EXPECT_EQ(partial->known_until(3), 3);
  EXPECT_EQ(partial->next_known(3), 6);
  EXPECT_EQ(text_of(*partial, 7), "hi");
  EXPECT_EQ(partial->next_known(9), 10);
  partial->discard();
  EXPECT_TRUE(std::filesystem::is_empty(root.path()));
}

TEST_F(PartialTest, AfterARebootOnlyWhatWasSyncedCounts) {
  {
    Partials partials(root.path());
    partials.open(kBlob, 10)->write(0, "abcdefghij");
  }
  std::ofstream(journal()) << "0 2\nsynced\nboot another\n2 4\nsynced\n4 8\n";
  Partials partials(root.path());
  EXPECT_EQ(text_of(*partials.open(kBlob, 10), 0), "abcd");
}

TEST_F(PartialTest, ADamagedJournalIsTrustedNoFurtherThanItsFirstWrongLine) {
  {
    Partials partials(root.path());
    partials.open(kBlob, 10)->write(0, "abcdefghij");
  }
  for (const std::string wrong : {"x", "-1 5", "5 4", "4 11", "4 5 6", "4", ""}) {
    std::ofstream(journal()) << "0 2\nsynced\n" << wrong << "\n6 8\nsynced\n";
    Partials partials(root.path());
    const auto partial = partials.open(kBlob, 10);
    EXPECT_EQ(text_of(*partial, 0), "ab") << wrong;
    EXPECT_EQ(partial->next_known(2), 10) << wrong;
  }
  // A blob that is said to be shorter now, and one whose file is.
  std::ofstream(journal()) << "0 10\nsynced\n";
  Partials partials(root.path());
  EXPECT_FALSE(partials.open(kBlob, 5)->resumed());
}

TEST_F(PartialTest, CollectLeavesWhatIsBeingFetched) {
  Partials partials(root.path());
  const auto used = partials.open(kBlob, 10);
  used->write(0, "abc");
  partials.open(base::Sha256::of("other"), 5)->write(0, "abc");
  EXPECT_GT(partials.collect(), 0U);
  EXPECT_EQ(partials.collect(), 0U);
  EXPECT_EQ(text_of(*used, 0), "abc");
}

}  // namespace
}  // namespace wharf::content
