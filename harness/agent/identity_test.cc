// Is the build-id found in notes, and only there?
#include "harness/agent/identity.h"

#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

std::string note(uint32_t type, std::string name, std::string description) {
  std::string bytes;
  for (const auto word : {static_cast<uint32_t>(name.size()), static_cast<uint32_t>(description.size()), type}) {
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  for (std::string* part : {&name, &description}) {
    part->resize((part->size() + 3) & ~size_t{3});
    bytes += *part;
  }
  return bytes;
}

const std::string kGnu("GNU\0", 4);

TEST(BuildId, IsFoundBehindOtherNotes) {
  const std::string notes = note(0x100, std::string("Linux\0", 6), "12345") + note(5, kGnu, "property") +
                            note(3, kGnu, "\x01\xab\xff") + note(6, "x", "");
  EXPECT_EQ(build_id_in(notes), "01abff");
}

TEST(BuildId, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(build_id_in(""), "");
  EXPECT_EQ(build_id_in(note(4, kGnu, "abcd")), "");
  EXPECT_EQ(build_id_in(note(3, std::string("Xen\0", 4), "abcd")), "");
}

TEST(BuildId, IsNotReadBeyondTheEndOfTheNotes) {
  const std::string whole = note(3, kGnu, std::string(20, 'x'));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(build_id_in(whole.substr(0, size)), "") << size;
  std::string lying = whole;
  lying[0] = lying[3] = '\xff';
  EXPECT_EQ(build_id_in(lying), "");
}

TEST(Introduction, TellsOfThisMachine) {
  const wire::Hello hello = introduce(/*is_init=*/true, {"a module did not load"});
  EXPECT_EQ(hello.boot_id.size(), 36U);
  EXPECT_EQ(hello.agent_build.size(), 64U);
  EXPECT_FALSE(hello.version.empty());
  EXPECT_FALSE(hello.cmdline.ends_with('\n'));
  EXPECT_TRUE(hello.is_init);
  EXPECT_EQ(hello.warnings, std::vector<std::string>{"a module did not load"});
}

}  // namespace
}  // namespace holdfast::agent
