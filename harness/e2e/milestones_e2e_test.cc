// Is the way of a device across a kexec told, on a real kernel, from the old kernel's leave to the first register?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Json timing_of(const Program& program) {
  const auto text = read_file(program.latest() / "cases/Retrieve.DeviceComesBackAndWorks/edu/attempt-1/timing.json");
  return text ? Json::parse(*text, nullptr, /*allow_exceptions=*/false) : Json();
}

std::vector<std::string> names_in(const Json& timing) {
  std::vector<std::string> names;
  for (const Json& one : timing["milestones"]) names.push_back(one["milestone"]);
  return names;
}

Output retrieve(const Program& program, std::vector<std::string> more) {
  more.insert(more.begin(), {"run", "--filter", "Retrieve.DeviceComesBackAndWorks", "--device", "edu"});
  return program.run(std::move(more));
}

TEST(Milestones, AreAllThereAndInOrderWhenTheConsoleTells) {
  const Program program;
  const auto run = retrieve(program, {"--append", "loglevel=8", "--next-append", "loglevel=8"});
  ASSERT_EQ(run.status.code, 0) << run.out << run.err;
  const Json timing = timing_of(program);
  EXPECT_THAT(names_in(timing),
              ElementsAre("exec", "a-last-byte", "b-first-byte", "init", "agent", "retrieved/edu", "first-mmio/edu"));
  int64_t before = 0;
  for (const Json& one : timing["milestones"]) {
    EXPECT_GE(one["at_ms"].get<int64_t>(), before) << timing.dump(2);
    before = one["at_ms"];
  }
  EXPECT_GT(before, 0);
  const std::string junit = *read_file(program.junit());
  EXPECT_THAT(junit, HasSubstr("milestone.first-mmio/edu.ms"));
  EXPECT_THAT(*read_file(program.latest() / "report.html"), HasSubstr("first MMIO (edu) "));
}

TEST(Milestones, OfAQuietConsoleAreThoseThatWereSeen) {
  const Program program;
  const auto run = retrieve(program, {"--append", "loglevel=0", "--next-append", "loglevel=0"});
  ASSERT_EQ(run.status.code, 0) << run.out << run.err;
  EXPECT_THAT(names_in(timing_of(program)), ElementsAre("exec", "init", "agent", "retrieved/edu", "first-mmio/edu"));
}

}  // namespace
}  // namespace holdfast::e2e
