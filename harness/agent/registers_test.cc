// Are registers read and written where they are asked for, and what cannot be one refused?
#include "harness/agent/registers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "harness/agent/registry.h"
#include "harness/base/file.h"
#include "harness/wire/verbs_registers.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

wire::Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

/// A file that stands in for a BAR: two pages, "word" at offset 0x1008.
class Registers : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("registers-test");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    bar_ = folder_->path() / "resource0";
    std::string content(0x2000, '.');
    content.replace(0x1008, 4, "word");
    ASSERT_TRUE(write_file(bar_, content));
  }
  std::optional<TempDir> folder_;
  fs::path bar_;
};

TEST_F(Registers, AreReadAtTheirOffset) {
  const auto read = read_words(bar_, 0x1004, 12);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, bytes_of("....word...."));
  const auto last = read_words(bar_, 0x1ffc, 4);
  ASSERT_TRUE(last) << last.error().what;
  EXPECT_EQ(*last, bytes_of("...."));
}

TEST_F(Registers, AreWholeWordsWithinTheBar) {
  for (const auto& [offset, length] : {std::pair<uint64_t, uint32_t>{2, 4}, {4, 3}, {4, 0}, {0x1ffc, 8}, {0x4000, 4}}) {
    const auto read = read_words(bar_, offset, length);
    ASSERT_FALSE(read) << offset << " " << length;
    EXPECT_EQ(read.error().type(), "harness.refused");
    EXPECT_THAT(read.error().what, HasSubstr("no whole words"));
  }
}

TEST_F(Registers, OfAFileThatIsNotThereAreTheKernelsRefusal) {
  const auto read = read_words(folder_->path() / "resource1", 0, 4);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().errnum, ENOENT);
  const auto written = write_at(folder_->path() / "config", 4, bytes_of("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().errnum, ENOENT);
}

TEST_F(Registers, AreWrittenWithoutTouchingTheirNeighbours) {
  ASSERT_TRUE(write_at(bar_, 0x1009, bytes_of("or")));
  const auto read = read_words(bar_, 0x1008, 4);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, bytes_of("word"));
  ASSERT_TRUE(write_at(bar_, 0x1009, bytes_of("in")));
  EXPECT_EQ(*read_words(bar_, 0x1008, 4), bytes_of("wind"));
}

/// What the registry answers to `request` as a refusal.
template <class Request>
wire::Refusal refusal_of(const Request& request) {
  State state(wire::Hello{}, Files("/nowhere", "/nowhere"), nullptr);
  const auto reply = all_verbs().serve(state, wire::make_request(1, request));
  const auto envelope = reply ? wire::open_envelope(*reply) : Result<wire::Envelope>();
  return envelope ? envelope->refusal : wire::Refusal{};
}

TEST(RegisterVerbs, TakeAnAddressForADeviceOnly) {
  EXPECT_EQ(refusal_of(wire::PciConfigWrite{.bdf = "../../0000:00:00.0", .blob = {}}).origin, "agent");
  EXPECT_EQ(refusal_of(wire::PciBarRead{.bdf = "0000:00:00"}).origin, "agent");
  EXPECT_EQ(refusal_of(wire::PciBarRead{.bdf = "ffff:ff:1f.7"}).errnum, ENODEV);
}

TEST(RegisterVerbs, AwaitARegisterOfAHandleThatIsThere) {
  EXPECT_THAT(refusal_of(wire::VfioAwait{.device = 9}).what, HasSubstr("no handle 9"));
}

}  // namespace
}  // namespace holdfast::agent
