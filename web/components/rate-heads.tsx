import { Head } from "./ui/table";

/** The heads of the columns that every table of error rates has. */
export function RateHeads() {
  return (
    <>
      <Head>Pictures</Head>
      <Head isNumber>Genuine faces</Head>
      <Head isNumber>flagged by mistake</Head>
      <Head isNumber>Manipulated faces</Head>
      <Head isNumber>flagged</Head>
      <Head isNumber>passed as genuine</Head>
    </>
  );
}
