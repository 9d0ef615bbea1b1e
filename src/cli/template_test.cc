#include "cli/template.h"

#include <gtest/gtest.h>

namespace wharf::cli {
namespace {

std::string run(const char* text, const char* json = R"({"Name":"web","N":3,"List":["a","b"],
  "Map":{"k.x":"v","b":"w"},"State":{"Running":true,"Health":null},"Empty":[],"Html":"<a>"})") {
  try {
    return Template::parse(text).execute({base::parse_json(json)});
  } catch (const TemplateError& wrong) {
    return std::string("ERROR ") + wrong.what();
  }
}

TEST(Template, FieldsNestAndTextStays) {
  EXPECT_EQ(run("a {{.Name}} b {{.State.Running}}"), "a web b true");
  EXPECT_EQ(run("{{ .Name -}}   \n x {{- .N }}"), "webx3");
  EXPECT_EQ(run("{{/* note */}}{{.N}}"), "3");
}

TEST(Template, ValuesPrintAsGoPrintsThem) {
  EXPECT_EQ(run("{{.List}} {{.Map}} {{.State}}"), "[a b] map[b:w k.x:v] {true <nil>}");
  EXPECT_EQ(run("{{.State.Health}}"), "<nil>");
  EXPECT_EQ(run("{{json .List}} {{json .Name}} {{json .Html}}"), R"(["a","b"] "web" "<a>")");
}

TEST(Template, RangeGoesOverListsMapsAndCounts) {
  EXPECT_EQ(run("{{range .List}}<{{.}}>{{end}}"), "<a><b>");
  EXPECT_EQ(run("{{range $i, $v := .List}}{{$i}}={{$v}};{{end}}"), "0=a;1=b;");
  EXPECT_EQ(run("{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}"), "b=w;k.x=v;");
  EXPECT_EQ(run("{{range .Empty}}x{{else}}none{{end}}"), "none");
  EXPECT_EQ(run("{{range .List}}{{.}}{{break}}{{end}}"), "a");
  EXPECT_EQ(run("{{range .List}}{{$.Name}}{{end}}"), "webweb");
}

TEST(Template, ConditionsFollowGosTruth) {
  EXPECT_EQ(run("{{if .Empty}}yes{{else if .N}}number{{else}}no{{end}}"), "number");
  EXPECT_EQ(run("{{if and .N (not .Empty)}}yes{{end}}"), "yes");
  EXPECT_EQ(run("{{if eq .Name \"a\" \"web\"}}yes{{end}}"), "yes");
  EXPECT_EQ(run("{{if gt .N 2}}more{{end}}{{if lt .N 2}}less{{end}}"), "more");
  EXPECT_EQ(run("{{with .State}}{{.Running}}{{end}}{{with .Empty}}x{{else}}empty{{end}}"),
            "trueempty");
}

TEST(Template, PipelinesPassTheirValueOnAsTheLastArgument) {
  EXPECT_EQ(run("{{.Name | upper | printf \"%s-%d\" \"x\"}}"), "x-%!d(string=WEB)");
  EXPECT_EQ(run("{{.Name | printf \"%q %5d|%-4s|\" \"a\" 7}}"), "\"a\"     7|web |");
  EXPECT_EQ(run("{{join .List \",\"}} {{(split \"x:y\" \":\")}} {{len .Name}}"), "a,b [x y] 3");
  EXPECT_EQ(run("{{index .Map \"k.x\"}} {{index .List 1}} {{slice .Name 1 3}}"), "v b eb");
  EXPECT_EQ(run("{{$x := .N}}{{$x}}{{$x = 5}}{{$x}}"), "35");
  EXPECT_EQ(run("{{title \"ab cd\"}}{{pad \"x\" 1 2}}|{{truncate .Name 2}}"), "Ab Cd x  |we");
}

TEST(Template, ParseErrorsHaveGosWords) {
  EXPECT_EQ(run("{{.Name"), "ERROR template: :1: unclosed action");
  EXPECT_EQ(run("a\n{{foo .}}"), "ERROR template: :2: function \"foo\" not defined");
  EXPECT_EQ(run("{{if .N}}x"), "ERROR template: :1: unexpected EOF");
  EXPECT_EQ(run("{{end}}"), "ERROR template: :1: unexpected {{end}}");
  EXPECT_EQ(run("{{if}}x{{end}}"), "ERROR template: :1: missing value for if");
  EXPECT_EQ(run("{{\"abc}}"), "ERROR template: :1: unterminated quoted string");
}

TEST(Template, ExecutionErrorsNameTheirPlace) {
  EXPECT_EQ(run("{{.Foo}}"),
            "ERROR template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"");
  EXPECT_EQ(run("{{index .List 9}}"),
            "ERROR template: :1:2: executing \"\" at <index>: error calling index: index out of "
            "range: 9");
  EXPECT_EQ(run("{{.Name.Foo}}"),
            "ERROR template: :1:2: executing \"\" at <.Name.Foo>: can't evaluate field Foo in type "
            "string");
}

TEST(Template, ARowMarshalsItselfAsGoDoes) {
  TemplateData row{base::parse_json(R"({"b":"<x>","a":1})")};
  row.type_name = "*formatter.Row";
  EXPECT_EQ(Template::parse("{{json .}}").execute(row), R"({"a":1,"b":"\u003cx\u003e"})");
  row.methods["Label"] = [](const std::vector<base::Json>& arguments) { return arguments.at(0); };
  EXPECT_EQ(Template::parse("{{.Label \"k\"}}").execute(row), "k");
  EXPECT_THROW(Template::parse("{{.Nope}}").execute(row), TemplateError);
}

TEST(Template, KnowsWhichFieldsItUses) {
  const Template made = Template::parse("{{if .Size}}{{range .X}}{{(.Y)}}{{end}}{{end}}");
  EXPECT_TRUE(made.uses_field("Size") && made.uses_field("Y"));
  EXPECT_FALSE(made.uses_field("Z"));
}

}  // namespace
}  // namespace wharf::cli
