/** A name or a value of a query or a form, decoded where it can be (URL, application/x-www-form-urlencoded parsing). */
export function decodedText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
