// Are records of /dev/kmsg read as the kernel writes them, and written as its log looks?
#include "harness/agent/kernel_log.h"

#include <gtest/gtest.h>

namespace holdfast::agent {
namespace {

std::string text_of(const std::vector<std::string>& records, size_t cap = 1000) {
  LogText text(cap);
  for (const std::string& record : records) {
    const auto parsed = parse_log_record(record);
    EXPECT_TRUE(parsed) << record;
    if (parsed && !text.add(*parsed)) break;
  }
  return text.take();
}

TEST(KernelLog, ReadsARecord) {
  const auto record = parse_log_record("6,339,5140900,-,caller=T1;NET: Registered PF_INET\n SUBSYSTEM=net\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->priority, 6U);
  EXPECT_EQ(record->seq, 339U);
  EXPECT_EQ(record->microseconds, 5140900U);
  EXPECT_FALSE(record->fragment);
  EXPECT_EQ(record->text, "NET: Registered PF_INET");
}

TEST(KernelLog, ReadsNothingFromWhatIsNoRecord) {
  for (const char* text : {"", ";", "6,1,2;too few", "x,1,2,-;text", "6,1,2,-", "6,,2,-;text"}) {
    EXPECT_FALSE(parse_log_record(text)) << text;
  }
}

TEST(KernelLog, LooksLikeTheLogOfTheKernel) {
  EXPECT_EQ(text_of({"6,1,12345678,-;one\n", "30,2,1000000012,-;two; three\n KEY=value\n"}),
            "<6>[   12.345678] one\n<30>[ 1000.000012] two; three\n");
}

TEST(KernelLog, PutsFragmentsIntoOneLine) {
  EXPECT_EQ(text_of({"6,1,1,c;one\n", "6,2,2,c; two\n", "6,3,3,-;three\n"}),
            "<6>[    0.000001] one two\n<6>[    0.000003] three\n");
  EXPECT_EQ(text_of({"6,1,1,c;open end\n"}), "<6>[    0.000001] open end\n");
}

TEST(KernelLog, ReadsEscapedCharacters) {
  EXPECT_EQ(text_of({"6,1,1,-;first\\x0asecond \\x5c \\xzz\n"}),
            "<6>[    0.000001] first\n<6>[    0.000001] second \\ \\xzz\n");
}

TEST(KernelLog, StopsBeforeItsCap) {
  const std::vector<std::string> records(10, "6,1,1,-;0123456789\n");
  const std::string text = text_of(records, 100);
  EXPECT_LE(text.size(), 100U);
  EXPECT_EQ(text.size() % std::string("<6>[    0.000001] 0123456789\n").size(), 0U) << "only whole lines";
  EXPECT_FALSE(text.empty());
}

}  // namespace
}  // namespace holdfast::agent
