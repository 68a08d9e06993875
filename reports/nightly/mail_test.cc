// Is a mail well formed whatever is in it, and is it said when it did not go out?
#include "reports/nightly/mail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_mail_server.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::reports {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Mail sample() {
  return {.from = "holdfast@lab.example",
          .to = {"a@lab.example", "b@lab.example"},
          .subject = "[holdfast] lab: all well",
          .text = "Night one\n\nAll well.\n",
          .id = "n1.lab@host",
          .date = WallClock::time_point(std::chrono::seconds(1'000'000'000))};
}

Deadline soon() { return Deadline::after(std::chrono::seconds(30)); }

TEST(MailMessage, HasTheHeadersThatSendmailReads) {
  EXPECT_EQ(mail_message(sample()),
            "From: holdfast@lab.example\nTo: a@lab.example, b@lab.example\nSubject: [holdfast] lab: all well\n"
            "Date: Sun, 09 Sep 2001 01:46:40 +0000\nMessage-ID: <n1.lab@host>\nAuto-Submitted: auto-generated\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n"
            "Night one\n\nAll well.\n");
}

TEST(MailMessage, LetsNoHeaderIn) {
  Mail mail = sample();
  mail.subject = "x\nBcc: everybody@lab.example\r\nX: y";
  const std::string message = mail_message(mail);
  EXPECT_THAT(message, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(message, Not(HasSubstr("\nX:")));
}

/// What Python's own reader makes of it: a judge that is not ours.
std::string read_by_python(const std::string& message, const std::string& part) {
  const std::string program =
      "import sys, email, email.policy\n"
      "m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n"
      "sys.stdout.buffer.write((" +
      part + ").encode())\n";
  const auto said = run({.argv = {"python3", "-c", program}}, soon(), message);
  EXPECT_TRUE(said && said->status.success()) << (said ? said->err : said.error().what);
  return said ? said->out : "";
}

TEST(MailMessage, IsReadBackAsItWasMeant) {
  Mail mail = sample();
  mail.subject = "[holdfast] Prüfstand: ein Fehler \xF0\x9F\x98\x80 " + std::string(700, 'x');
  mail.text = "kurz\nwörtlich = 100 %\nblank at the end \n" + std::string(3000, 'y') + "\n.\nFrom here\n";
  const std::string message = mail_message(mail);
  for (const std::string_view line : split(message, '\n')) EXPECT_LE(line.size(), 998U);
  EXPECT_EQ(read_by_python(message, "m['Subject']"), mail.subject);
  EXPECT_EQ(read_by_python(message, "m.get_content()"), mail.text);
  EXPECT_EQ(read_by_python(mail_message(sample()), "m.get_content()"), sample().text);
}

TEST(SendMail, HandsTheMessageToTheProgram) {
  const auto dir = *TempDir::create();
  const std::string file = dir.path() / "mail";
  ASSERT_TRUE(send_mail({"sh", "-c", "cat > \"$0\"", file}, sample(), soon()));
  EXPECT_EQ(*read_file(file), mail_message(sample()));
}

TEST(SendMail, ReachesAServerThroughWhatSpeaksToIt) {
  const fake::MailServer server;
  Mail mail = sample();
  mail.text = "one\n.\nFrom here on\n";
  const auto sent = send_mail(server.sendmail(), mail, soon());
  ASSERT_TRUE(sent) << sent.error().what;
  const std::string came = server.mail();
  EXPECT_THAT(came, AllOf(HasSubstr("MAIL FROM:<holdfast@lab.example>"), HasSubstr("RCPT TO:<a@lab.example>"),
                          HasSubstr("RCPT TO:<b@lab.example>"), HasSubstr("Subject: [holdfast] lab: all well\n"),
                          EndsWith("\n\none\n.\nFrom here on\n")));
}

TEST(SendMail, SaysWhatWentWrong) {
  const auto refused = send_mail({"sh", "-c", "cat >/dev/null; echo 'no such user' >&2; exit 67"}, sample(), soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.mail");
  EXPECT_THAT(refused.error().what, EndsWith("exit code 67 no such user"));
  EXPECT_EQ(send_mail({"/nonexistent/sendmail"}, sample(), soon()).error().type(), "lab.mail");
  const auto late = send_mail({"sleep", "60"}, sample(), Deadline::after(Millis(100)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().type(), "lab.mail");
}

TEST(TellCommand, GetsTheTextAndTheEnvironment) {
  const auto dir = *TempDir::create();
  const std::string file = dir.path() / "told";
  ASSERT_TRUE(tell_command({"sh", "-c", "{ echo \"$HOLDFAST_SUBJECT\"; cat; } > \"$0\"", file}, "text\n",
                           {{"HOLDFAST_SUBJECT", "a subject; $(reboot)"}}, soon()));
  EXPECT_EQ(*read_file(file), "a subject; $(reboot)\ntext\n");
  EXPECT_EQ(tell_command({"false"}, "", {}, soon()).error().type(), "lab.command");
}

}  // namespace
}  // namespace holdfast::reports
