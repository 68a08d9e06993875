// Is a machine kept once, for all that want it, and no longer than there is room?
#include "lab/qemu/snapshot_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SnapshotStoreTest : public testing::Test {
 protected:
  SnapshotStore store(uint64_t cap = SnapshotStore::kCap) { return SnapshotStore(dir_.path() / "s", cap, boot_id_); }
  SnapshotStore::Make writes(size_t bytes) {
    return [this, bytes](const fs::path& folder, const Deadline&) {
      ++made_;
      return write_file(folder / "ram", std::string(bytes, 'x'));
    };
  }
  static Deadline soon() { return Deadline::after(Millis(20'000)); }
  void SetUp() override { ASSERT_TRUE(write_file(boot_id_, "one")); }

  TempDir dir_ = *TempDir::create("snapshots");
  fs::path boot_id_ = dir_.path() / "boot_id";
  std::atomic<int> made_ = 0;
};

TEST_F(SnapshotStoreTest, MakesOneForAllThatWantIt) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { EXPECT_TRUE(store().get("k", writes(10), soon())); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(*read_file(*store().get("k", writes(10), soon()) / "ram"), std::string(10, 'x'));
  ASSERT_TRUE(store().get("other", writes(10), soon()));
  EXPECT_EQ(made_, 2);
}

TEST_F(SnapshotStoreTest, LeavesNoPartAndDoesNotTryAgainAtOnceWhatFailed) {
  const SnapshotStore::Make fails = [this](const fs::path& folder, const Deadline&) -> Result<void> {
    ++made_;
    EXPECT_TRUE(write_file(folder / "ram", "half"));
    return lab_error("qemu", "it cannot be saved");
  };
  EXPECT_EQ(store().get("k", fails, soon()).error().kind, "qemu");
  const auto again = store().get("k", writes(10), soon());
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr("it cannot be saved"));
  EXPECT_EQ(made_, 1);
  for (const auto& entry : fs::directory_iterator(dir_.path() / "s")) EXPECT_FALSE(entry.is_directory());
  EXPECT_TRUE(store().get("other", writes(10), soon()));  // it is not given up for all
}

TEST_F(SnapshotStoreTest, ForgetsWhatWasUsedLeastRecentlyWhenThereIsTooMuch) {
  const SnapshotStore small = store(3 * 65536);
  const fs::path first = *small.get("first", writes(65536), soon());
  const fs::path second = *small.get("second", writes(65536), soon());
  ASSERT_TRUE(small.get("first", writes(0), soon()));  // used again
  ASSERT_TRUE(small.get("third", writes(65536), soon()));
  EXPECT_TRUE(fs::exists(second));
  ASSERT_TRUE(small.get("first", writes(0), soon()));
  ASSERT_TRUE(small.get("fourth", writes(65536), soon()));
  EXPECT_TRUE(fs::exists(first));
  EXPECT_FALSE(fs::exists(second));
}

TEST_F(SnapshotStoreTest, KeepsNothingOverABootOfThisComputer) {
  const fs::path old = *store().get("k", writes(10), soon());
  ASSERT_TRUE(write_file(boot_id_, "two"));
  ASSERT_TRUE(store().get("k", writes(10), soon()));
  EXPECT_EQ(made_, 2);
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(SnapshotStoreTest, MakesAnewWhatTurnedOutToBeOfNoUse) {
  store().drop(*store().get("k", writes(10), soon()));
  ASSERT_TRUE(store().get("k", writes(10), soon()));
  EXPECT_EQ(made_, 2);
}

}  // namespace
}  // namespace holdfast::lab
