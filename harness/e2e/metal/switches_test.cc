// Does a host without a BMC do as well, whose power is an outlet of a PDU, or a system of a Redfish server?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/e2e/metal/bench_test.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// What stands in quotes before `mark`.
std::string quoted_before(const std::string& text, const std::string& mark) {
  const size_t end = text.find(mark);
  const size_t begin = text.rfind('"', end - 1) + 1;
  return text.substr(begin, end - begin);
}

/// What an agent came to.
struct Answer {
  int code = -1;  ///< 0 done, or on; 2 off
  std::string said;
};

Answer ask(const std::string& agent, const std::string& words, const std::string& action) {
  auto output = run({.argv = {agent}}, Deadline::after(Millis(180'000)),
                    fmt::format("ip=127.0.0.1\npower_timeout=60\nplug=2\naction={}\n{}", action, words));
  if (!output) return {.code = -1, .said = output.error().what};
  return {.code = output->status.code, .said = output->out + output->err};
}

/// Both servers have only just been started.
testing::AssertionResult comes_to_say_on(const std::string& agent, const std::string& words) {
  Answer last;
  const auto is_on = [&] { return (last = ask(agent, words, "status")).code == 0; };
  if (eventually(is_on, Millis(60'000))) return testing::AssertionSuccess();
  return testing::AssertionFailure() << agent << ": exit code " << last.code << "\n" << last.said;
}

/// The agents themselves, told the words of the inventory. Ends with the host switched on.
void expect_agents_to_switch(const VirtualLab& lab, const std::string& second) {
  const std::string pdu = "snmp_version=2c\nipport=" + quoted_before(second, "\", snmp_version") +
                          "\ncommunity=" + *read_file(lab.folder() / "pdu_community");
  const std::string redfish = "ssl_insecure=1\nusername=lab\nsystems_uri=/redfish/v1/Systems/metal-2\nipport=" +
                              quoted_before(second, "\", ssl_insecure") +
                              "\npassword=" + *read_file(lab.folder() / "redfish_password");
  ASSERT_TRUE(comes_to_say_on("fence_apc_snmp", pdu));
  ASSERT_TRUE(comes_to_say_on("fence_redfish", redfish));
  const auto comes_to = [](int code, const std::string& agent, const std::string& words, const std::string& action) {
    const Answer answer = ask(agent, words, action);
    EXPECT_EQ(answer.code, code) << agent << " " << action << "\n" << answer.said;
  };
  comes_to(0, "fence_apc_snmp", pdu, "off");
  comes_to(2, "fence_redfish", redfish, "status");
  comes_to(0, "fence_redfish", redfish, "on");
  comes_to(0, "fence_apc_snmp", pdu, "status");
  EXPECT_NE(ask("fence_redfish", std::string(trim(redfish)) + "wrong", "status").code, 0);
}

/// A case passes, and the host comes home from its test kernel by this agent.
void expect_case_to_pass(const fs::path& inventory, const std::string& agent) {
  const TempDir state = *TempDir::create("holdfast-state");
  ::setenv("XDG_STATE_HOME", state.path().c_str(), 1);
  const Program program;
  const Output output =
      program.run({"run", "--lab", inventory, "--target", "metal-2", "-v", "--filter", kHit}, Millis(900'000));
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = read_junit(program.junit());
  ASSERT_EQ(reports.size(), 1U) << output.out;
  EXPECT_EQ(reports.begin()->second.verdict, "passed") << reports.begin()->second.message;
  EXPECT_THAT(output.out, HasSubstr(fmt::format("recovery of metal-2: way home by power cycle ({})", agent)));
  EXPECT_THAT(output.out, HasSubstr("healthy again"));
}

TEST(VirtualLabSwitches, SecondHostRunsCasesWithPduAndRedfishAlone) {
  auto lab = VirtualLab::begin({.hosts = 2, .pdu = true, .redfish = true});
  ASSERT_TRUE(lab) << lab.error().what;
  ASSERT_TRUE(eventually([&] { return fs::exists(lab->inventory()); }));
  const std::string text = *read_file(lab->inventory());
  const size_t at = text.find("name = \"metal-2\"");
  ASSERT_NE(at, std::string::npos);
  const std::string second = text.substr(at);
  EXPECT_EQ(second.find("type = \"ipmi\""), std::string::npos);
  expect_agents_to_switch(*lab, second);
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(eventually([&] { return lab->ssh("true", "metal-2").status.success(); }));

  expect_case_to_pass(lab->inventory(), "fence_redfish");

  const size_t redfish = text.find("[[host.power]]\ntype = \"fence\"\nagent = \"fence_redfish\"", at);
  ASSERT_NE(redfish, std::string::npos);
  std::string pdu_alone = text;
  pdu_alone.erase(redfish, text.find("[[host.power]]", redfish + 1) - redfish);
  const fs::path inventory = lab->folder() / "pdu-alone.toml";
  ASSERT_TRUE(write_file(inventory, pdu_alone));
  expect_case_to_pass(inventory, "fence_apc_snmp");
}

}  // namespace
}  // namespace holdfast::e2e
