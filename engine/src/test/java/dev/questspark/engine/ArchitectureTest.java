package dev.questspark.engine;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.Source;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.questspark.engine.jinja.python.Text;
import dev.questspark.engine.tokens.ChatTemplate;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Who may know whom: one way through the house, as {@code ARCHITECTURE.md} draws it. */
@AnalyzeClasses(
    packages = "dev.questspark.engine",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ENGINE = "dev.questspark.engine";
  private static final String FAILURE = ENGINE + ".failure";
  private static final String OPS = ENGINE + ".ops..";
  private static final String SELECT = ENGINE + ".select..";
  private static final String PAGES = ENGINE + ".pages";
  private static final String SCHEDULE = ENGINE + ".schedule";
  private static final String JINJA = ENGINE + ".jinja";
  private static final String JINJA_FAILURE = JINJA + ".failure";
  private static final String PYTHON = JINJA + ".python";
  private static final String SYNTAX = JINJA + ".syntax";

  @ArchTest
  static final ArchRule pagesArePlainJava =
      classes()
          .that()
          .resideInAPackage(PAGES)
          .should()
          .onlyDependOnClassesThat(resideInAnyPackage("java..", PAGES));

  @ArchTest
  static final ArchRule theScheduleKnowsPagesAndNothingElse =
      classes()
          .that()
          .resideInAPackage(SCHEDULE)
          .should()
          .onlyDependOnClassesThat(resideInAnyPackage("java..", PAGES, SCHEDULE));

  @ArchTest
  static final ArchRule bookkeepingHasNoThreadsClocksOrFiles =
      noClasses()
          .that()
          .resideInAnyPackage(PAGES, SCHEDULE)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.util.concurrent..",
              "java.time..",
              "java.io..",
              "java.nio..",
              "java.util.logging..")
          .orShould()
          .dependOnClassesThat()
          .belongToAnyOf(System.class, Thread.class);

  @ArchTest
  static final ArchRule opsKnowNothingOfTheEngineAboveThem =
      noClasses()
          .that()
          .resideInAPackage(OPS)
          .should()
          .dependOnClassesThat(
              resideInAPackage(ENGINE + "..").and(not(resideInAnyPackage(OPS, FAILURE))));

  @ArchTest
  static final ArchRule selectorsKnowOpsOnly =
      noClasses()
          .that()
          .resideInAPackage(SELECT)
          .should()
          .dependOnClassesThat(
              resideInAPackage(ENGINE + "..").and(not(resideInAnyPackage(SELECT, OPS, FAILURE))));

  @ArchTest
  static final ArchRule templatesArePlainJava =
      classes()
          .that()
          .resideInAPackage(JINJA + "..")
          .should()
          .onlyDependOnClassesThat(resideInAnyPackage("java..", JINJA + ".."));

  @ArchTest
  static final ArchRule pythonsValuesKnowNoTemplate =
      classes()
          .that()
          .resideInAPackage(PYTHON)
          .should()
          .onlyDependOnClassesThat(resideInAnyPackage("java..", PYTHON, JINJA_FAILURE));

  /** Of Python, the syntax knows only what counts as white space. */
  @ArchTest
  static final ArchRule theSyntaxOfTemplatesKnowsNoValues =
      classes()
          .that()
          .resideInAPackage(SYNTAX)
          .should()
          .onlyDependOnClassesThat(
              resideInAnyPackage("java..", SYNTAX, JINJA_FAILURE).or(equivalentTo(Text.class)));

  @ArchTest
  static final ArchRule onlyTheChatTemplateKnowsJinja =
      noClasses()
          .that()
          .resideOutsideOfPackage(JINJA + "..")
          .and()
          .areNotAssignableTo(ChatTemplate.class)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(JINJA + "..");

  @ArchTest
  static final ArchRule theEngineDoesNotKnowSpark =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.spark..", "scala..");

  @ArchTest
  static final ArchRule onlyTheCudaBackendKnowsJCuda =
      noClasses()
          .that()
          .resideOutsideOfPackage(ENGINE + ".ops.cuda..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda..");

  @ArchTest
  static final ArchRule onlyTheCpuBackendKnowsOneDnn =
      noClasses()
          .that()
          .resideOutsideOfPackage(ENGINE + ".ops.cpu..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.bytedeco..");

  @ArchTest
  static final ArchRule backendsAreFoundByTheirProviders =
      noClasses()
          .that()
          .resideOutsideOfPackages(ENGINE + ".ops.cpu..", ENGINE + ".ops.cuda..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ENGINE + ".ops.cpu..", ENGINE + ".ops.cuda..");

  @ArchTest
  static final ArchRule engineConfigsAreBuiltByName =
      noClasses()
          .that()
          .areNotAssignableTo(EngineConfig.Builder.class)
          .should()
          .callConstructorWhere(target(owner(equivalentTo(EngineConfig.class))));

  @ArchTest
  static final ArchRule arrowsPointDownOnly =
      slices().matching(ENGINE + ".(*)..").should().beFreeOfCycles();

  /** Packages one by one: those within {@code ops} as well. */
  @ArchTest
  static final ArchRule noTwoPackagesKnowEachOther =
      slices().matching("dev.questspark.(**)").should().beFreeOfCycles();

  /** Whoever opens a package should be able to read the list of its files. */
  @ArchTest
  static void noPackageHasMoreFilesThanAReaderCanSurvey(JavaClasses classes) {
    Map<String, Set<String>> files = new TreeMap<>();
    for (JavaClass found : classes) {
      files
          .computeIfAbsent(found.getPackageName(), name -> new TreeSet<>())
          .add(found.getSource().flatMap(Source::getFileName).orElseThrow());
    }
    files.values().forEach(names -> names.remove("package-info.java"));
    assertThat(files).hasSizeGreaterThan(10);
    assertThat(files)
        .allSatisfy((name, names) -> assertThat(names).as(name).hasSizeLessThanOrEqualTo(20));
  }
}
